//! Constants of an ONNX file: stored tensors, and what is computed from them before the network runs.

use std::ops::Range;

use half::{bf16, f16};

use super::error::{ImportError, TensorProblem};
use crate::onnx::proto::TensorProto;
use crate::onnx::proto::tensor_proto::{DataLocation, DataType};

/// A dense constant in row-major order. All floats are f32, all integers and truth values i64.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    /// Of the stored tensor; empty if it was computed.
    pub name: String,
    pub dims: Vec<usize>,
    pub data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Floats(Vec<f32>),
    Ints(Vec<i64>),
}

impl Data {
    pub fn len(&self) -> usize {
        match self {
            Data::Floats(values) => values.len(),
            Data::Ints(values) => values.len(),
        }
    }
}

impl Array {
    /// A computed constant.
    pub fn new(dims: Vec<usize>, data: Data) -> Self {
        Self { name: String::new(), dims, data }
    }

    /// A computed list of integers.
    pub fn ints(values: Vec<i64>) -> Self {
        Self::new(vec![values.len()], Data::Ints(values))
    }

    /// The integers, or `None` if these are floats.
    pub fn as_ints(&self) -> Option<&[i64]> {
        match &self.data {
            Data::Ints(values) => Some(values),
            Data::Floats(_) => None,
        }
    }

    /// All elements as floats.
    pub fn to_floats(&self) -> Vec<f32> {
        match &self.data {
            Data::Floats(values) => values.clone(),
            Data::Ints(values) => values.iter().map(|value| *value as f32).collect(),
        }
    }

    /// The element of an array that has one.
    pub fn scalar(&self) -> Option<f64> {
        match &self.data {
            Data::Floats(values) if values.len() == 1 => Some(f64::from(values[0])),
            Data::Ints(values) if values.len() == 1 => Some(values[0] as f64),
            _ => None,
        }
    }

    /// The elements at `indices`, in a new shape; both come from the same arithmetic on shapes.
    pub fn pick(&self, dims: Vec<usize>, indices: impl Iterator<Item = usize>) -> Self {
        let data = match &self.data {
            Data::Floats(values) => Data::Floats(indices.map(|index| values[index]).collect()),
            Data::Ints(values) => Data::Ints(indices.map(|index| values[index]).collect()),
        };
        Self { name: self.name.clone(), dims, data }
    }

    /// Adds elements of an array of the same type behind; the caller sees to the shape.
    pub fn append(&mut self, other: &Self, range: Range<usize>) {
        match (&mut self.data, &other.data) {
            (Data::Floats(values), Data::Floats(more)) => values.extend_from_slice(&more[range]),
            (Data::Ints(values), Data::Ints(more)) => values.extend_from_slice(&more[range]),
            _ => {}
        }
    }

    /// Reads a stored tensor.
    pub fn decode(tensor: TensorProto) -> Result<Self, ImportError> {
        if tensor.data_location == i32::from(DataLocation::External) || !tensor.external_data.is_empty() {
            let location = tensor.external_data.into_iter().find(|entry| entry.key == "location");
            let location = location.map(|entry| entry.value).unwrap_or_default();
            return Err(ImportError::External { tensor: tensor.name, location });
        }
        let name = tensor.name.clone();
        Self::decode_stored(tensor).map_err(|problem| ImportError::Tensor { tensor: name, problem })
    }

    fn decode_stored(tensor: TensorProto) -> Result<Self, TensorProblem> {
        let dims = shape(&tensor.dims)?;
        let (name, kind) = (tensor.name.clone(), tensor.data_type);
        let data = if tensor.raw_data.is_empty() { typed(tensor)? } else { raw(&tensor.raw_data, kind)? };
        let expected = dims.iter().product();
        if data.len() == expected {
            Ok(Self { name, dims, data })
        } else {
            Err(TensorProblem::Length { dims, expected, found: data.len() })
        }
    }
}

fn shape(dims: &[i64]) -> Result<Vec<usize>, TensorProblem> {
    let bad = || TensorProblem::Shape(dims.to_vec());
    let sizes: Vec<usize> =
        dims.iter().map(|dim| usize::try_from(*dim)).collect::<Result<_, _>>().map_err(|_| bad())?;
    // Zeros do not excuse what the other axes claim: sizes are multiplied in other orders later.
    let claimed = sizes.iter().try_fold(1usize, |total, size| total.checked_mul((*size).max(1)));
    if claimed.is_some_and(|elements| elements <= super::MAX_ELEMENTS) { Ok(sizes) } else { Err(bad()) }
}

/// `raw_data`: little-endian, whatever the machine.
fn raw(bytes: &[u8], kind: i32) -> Result<Data, TensorProblem> {
    fn words<const N: usize, T>(bytes: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|word| convert(*word)).collect()
    }
    Ok(match DataType::try_from(kind) {
        Ok(DataType::Float) => Data::Floats(words(bytes, f32::from_le_bytes)),
        Ok(DataType::Double) => Data::Floats(words(bytes, |word| f64::from_le_bytes(word) as f32)),
        Ok(DataType::Float16) => Data::Floats(words(bytes, |word| f16::from_le_bytes(word).to_f32())),
        Ok(DataType::Bfloat16) => Data::Floats(words(bytes, |word| bf16::from_le_bytes(word).to_f32())),
        Ok(DataType::Int64) => Data::Ints(words(bytes, i64::from_le_bytes)),
        Ok(DataType::Int32) => Data::Ints(words(bytes, |word| i32::from_le_bytes(word).into())),
        Ok(DataType::Uint32) => Data::Ints(words(bytes, |word| u32::from_le_bytes(word).into())),
        Ok(DataType::Int16) => Data::Ints(words(bytes, |word| i16::from_le_bytes(word).into())),
        Ok(DataType::Uint16) => Data::Ints(words(bytes, |word| u16::from_le_bytes(word).into())),
        Ok(DataType::Int8) => Data::Ints(words(bytes, |word| i8::from_le_bytes(word).into())),
        Ok(DataType::Uint8 | DataType::Bool) => Data::Ints(words(bytes, |[byte]: [u8; 1]| byte.into())),
        _ => return Err(TensorProblem::Type(kind)),
    })
}

/// The fields that hold numbers one by one. 16-bit floats are bits in `int32_data`.
fn typed(tensor: TensorProto) -> Result<Data, TensorProblem> {
    let halves =
        |convert: fn(u16) -> f32| Data::Floats(tensor.int32_data.iter().map(|bits| convert(*bits as u16)).collect());
    Ok(match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) => Data::Floats(tensor.float_data),
        Ok(DataType::Double) => Data::Floats(tensor.double_data.iter().map(|value| *value as f32).collect()),
        Ok(DataType::Float16) => halves(|bits| f16::from_bits(bits).to_f32()),
        Ok(DataType::Bfloat16) => halves(|bits| bf16::from_bits(bits).to_f32()),
        Ok(DataType::Int64) => Data::Ints(tensor.int64_data),
        Ok(
            DataType::Int32 | DataType::Int16 | DataType::Uint16 | DataType::Int8 | DataType::Uint8 | DataType::Bool,
        ) => Data::Ints(tensor.int32_data.iter().map(|value| (*value).into()).collect()),
        _ => return Err(TensorProblem::Type(tensor.data_type)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(kind: DataType, dims: &[i64]) -> TensorProto {
        TensorProto { dims: dims.to_vec(), data_type: kind.into(), name: "t".into(), ..TensorProto::default() }
    }

    #[test]
    fn every_float_type_becomes_f32_from_both_fields() {
        let raw = |kind, bytes: &[u8]| TensorProto { raw_data: bytes.to_vec(), ..tensor(kind, &[1]) };
        let half = i32::from(f16::from_f32(1.5).to_bits());
        let cases = [
            raw(DataType::Float, &1.5f32.to_le_bytes()),
            raw(DataType::Double, &1.5f64.to_le_bytes()),
            raw(DataType::Float16, &f16::from_f32(1.5).to_le_bytes()),
            TensorProto { float_data: vec![1.5], ..tensor(DataType::Float, &[1]) },
            TensorProto { double_data: vec![1.5], ..tensor(DataType::Double, &[1]) },
            TensorProto { int32_data: vec![half], ..tensor(DataType::Float16, &[1]) },
        ];
        for case in cases {
            assert_eq!(
                Array::decode(case).unwrap(),
                Array { name: "t".into(), ..Array::new(vec![1], Data::Floats(vec![1.5])) }
            );
        }
        let bits = bf16::from_f32(1.5).to_le_bytes().to_vec();
        let brain = TensorProto { raw_data: bits, ..tensor(DataType::Bfloat16, &[1]) };
        assert_eq!(Array::decode(brain).unwrap().to_floats(), [1.5]);
    }

    #[test]
    fn what_does_not_fit_its_shape_is_an_error_and_allocates_nothing() {
        let decode = |tensor| Array::decode(tensor).unwrap_err().to_string();
        let short = TensorProto { raw_data: vec![0; 7], ..tensor(DataType::Float, &[2]) };
        assert_eq!(decode(short), "tensor \"t\": its shape [2] has 2 elements, but the file holds 1");
        for dims in [&[i64::MAX, 3][..], &[-1], &[1 << 40, 1 << 40, 0]] {
            assert!(decode(tensor(DataType::Float, dims)).ends_with("is no shape"), "{dims:?}");
        }
        assert!(decode(tensor(DataType::Float, &[1 << 35])).contains("the file holds 0"));
        assert!(decode(tensor(DataType::String, &[1])).contains("element type 8"));
    }

    #[test]
    fn weights_in_a_second_file_say_how_to_save_without_it() {
        let entry = crate::onnx::proto::StringStringEntryProto { key: "location".into(), value: "m.onnx.data".into() };
        let outside = TensorProto {
            data_location: DataLocation::External.into(),
            external_data: vec![entry],
            ..tensor(DataType::Float, &[1])
        };
        let message = Array::decode(outside).unwrap_err().to_string();
        assert!(message.contains("m.onnx.data") && message.contains("external_data=False"), "{message}");
    }
}
