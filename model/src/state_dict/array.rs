//! One tensor of a file, as it lies there: nothing is copied or allocated before a network asks for it.

use half::{bf16, f16};

use crate::tensor::Tensor;

/// Type of a stored number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 64-bit float.
    F64,
    /// 32-bit float.
    F32,
    /// IEEE 754's 16-bit float.
    F16,
    /// The upper half of a 32-bit float.
    Bf16,
    /// Signed integers.
    I64,
    /// 32 bits.
    I32,
    /// 16 bits.
    I16,
    /// 8 bits.
    I8,
    /// 8 bits, unsigned.
    U8,
    /// A byte that is 0 or 1.
    Bool,
}

impl Element {
    /// Size of one number.
    pub fn bytes(self) -> usize {
        match self {
            Element::F64 | Element::I64 => 8,
            Element::F32 | Element::I32 => 4,
            Element::F16 | Element::Bf16 | Element::I16 => 2,
            Element::I8 | Element::U8 | Element::Bool => 1,
        }
    }

    /// Whether it is a float, which is what weights are.
    pub fn is_float(self) -> bool {
        matches!(self, Element::F64 | Element::F32 | Element::F16 | Element::Bf16)
    }
}

/// Why a tensor does not fit the bytes that it is said to lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArrayProblem {
    /// As many strides as axes are needed.
    #[error("it has {axes} axes, but {strides} strides")]
    Strides {
        /// Length of the shape.
        axes: usize,
        /// Number of strides.
        strides: usize,
    },
    /// More elements than can be counted.
    #[error("its size is beyond all bounds")]
    Overflow,
    /// It reaches beyond the bytes that are there.
    #[error("it needs {needed} numbers of its storage, which has {found}")]
    Bounds {
        /// Up to which element it reaches.
        needed: usize,
        /// How many there are.
        found: usize,
    },
}

/// A tensor within the bytes of a file, which may lie there transposed, shared with others or repeated (stride 0).
#[derive(Clone, Debug)]
pub struct Array<'a> {
    element: Element,
    /// From its first element on.
    data: &'a [u8],
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl<'a> Array<'a> {
    /// `offset` and `strides` count elements of `storage`.
    pub fn new(
        element: Element,
        storage: &'a [u8],
        offset: usize,
        shape: Vec<usize>,
        strides: Vec<usize>,
    ) -> Result<Self, ArrayProblem> {
        if shape.len() != strides.len() {
            return Err(ArrayProblem::Strides { axes: shape.len(), strides: strides.len() });
        }
        let length = reach(&shape, &strides).ok_or(ArrayProblem::Overflow)?;
        let needed = offset.checked_add(length).ok_or(ArrayProblem::Overflow)?;
        let found = storage.len() / element.bytes();
        if needed > found {
            return Err(ArrayProblem::Bounds { needed, found });
        }
        let data = &storage[offset * element.bytes()..needed * element.bytes()];
        Ok(Self { element, data, shape, strides })
    }

    /// One that lies in row-major order and fills `data`.
    pub fn dense(element: Element, data: &'a [u8], shape: Vec<usize>) -> Result<Self, ArrayProblem> {
        let strides = row_major(&shape).ok_or(ArrayProblem::Overflow)?;
        Self::new(element, data, 0, shape, strides)
    }

    /// Length of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Type of its numbers.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The numbers as f32, in row-major order; `None` for integers. Allocates as many as the shape has, which a file can claim
    /// to be many more than it holds (stride 0): compare the shape first.
    pub fn to_tensor(&self) -> Option<Tensor> {
        let data = match self.element {
            Element::F32 => self.decode(f32::from_le_bytes),
            Element::F64 => self.decode(|bytes| f64::from_le_bytes(bytes) as f32),
            Element::F16 => self.decode(|bytes| f16::from_le_bytes(bytes).to_f32()),
            Element::Bf16 => self.decode(|bytes| bf16::from_le_bytes(bytes).to_f32()),
            Element::I64 | Element::I32 | Element::I16 | Element::I8 | Element::U8 | Element::Bool => return None,
        };
        Some(Tensor { shape: self.shape.clone(), data })
    }

    fn decode<const N: usize>(&self, number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let (numbers, _) = self.data.as_chunks::<N>();
        let elements = self.shape.iter().product();
        if row_major(&self.shape).as_ref() == Some(&self.strides) {
            return numbers.iter().take(elements).map(|bytes| number(*bytes)).collect();
        }
        let mut index = vec![0; self.shape.len()];
        let mut at = 0;
        let mut data = Vec::with_capacity(elements);
        for _ in 0..elements {
            data.push(number(numbers[at]));
            for axis in (0..index.len()).rev() {
                index[axis] += 1;
                at += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                at -= self.strides[axis] * index[axis];
                index[axis] = 0;
            }
        }
        data
    }
}

/// How many elements of its storage a tensor spans; `None` if that or its number of elements overflows.
fn reach(shape: &[usize], strides: &[usize]) -> Option<usize> {
    let elements = shape.iter().try_fold(1usize, |product, length| product.checked_mul(*length));
    if shape.contains(&0) {
        return Some(0);
    }
    // As many f32 must be addressable.
    elements?.checked_mul(size_of::<f32>())?;
    let last = shape
        .iter()
        .zip(strides)
        .try_fold(0usize, |last, (length, stride)| last.checked_add(stride.checked_mul(length - 1)?));
    last?.checked_add(1)
}

fn row_major(shape: &[usize]) -> Option<Vec<usize>> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].checked_mul(shape[axis])?;
    }
    Some(strides)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(numbers: &[f32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn strided_shared_and_repeated_tensors_come_out_in_row_major_order() {
        let storage = bytes(&[0., 1., 2., 3., 4., 5., 6., 7.]);
        let read = |offset, shape: &[usize], strides: &[usize]| {
            let array = Array::new(Element::F32, &storage, offset, shape.to_vec(), strides.to_vec()).unwrap();
            array.to_tensor().unwrap().data
        };
        assert_eq!(read(2, &[2, 3], &[3, 1]), [2., 3., 4., 5., 6., 7.]);
        assert_eq!(read(0, &[3, 2], &[1, 3]), [0., 3., 1., 4., 2., 5.]);
        assert_eq!(read(5, &[2, 2], &[0, 1]), [5., 6., 5., 6.]);
        assert_eq!(read(7, &[], &[]), [7.]);
        assert!(read(8, &[0, 3], &[3, 1]).is_empty());
    }

    #[test]
    fn what_does_not_fit_the_bytes_is_refused_before_anything_is_allocated() {
        let storage = bytes(&[0.; 8]);
        let problem = |offset, shape: &[usize], strides: &[usize]| {
            Array::new(Element::F32, &storage, offset, shape.to_vec(), strides.to_vec()).unwrap_err()
        };
        assert_eq!(problem(3, &[2, 3], &[3, 1]), ArrayProblem::Bounds { needed: 9, found: 8 });
        assert_eq!(problem(usize::MAX, &[2], &[1]), ArrayProblem::Overflow);
        assert_eq!(problem(0, &[usize::MAX, 2], &[0, 0]), ArrayProblem::Overflow);
        assert_eq!(problem(0, &[2, 2], &[usize::MAX, 1]), ArrayProblem::Overflow);
        assert_eq!(problem(0, &[2], &[1, 1]), ArrayProblem::Strides { axes: 1, strides: 2 });
    }

    #[test]
    fn halves_and_doubles_become_single_floats_and_integers_do_not() {
        let halves: Vec<u8> = [1.5, -0.25].into_iter().flat_map(|x| f16::from_f32(x).to_le_bytes()).collect();
        let brains: Vec<u8> = [1.5, -0.25].into_iter().flat_map(|x| bf16::from_f32(x).to_le_bytes()).collect();
        let doubles: Vec<u8> = [1.5f64, -0.25].into_iter().flat_map(f64::to_le_bytes).collect();
        for (element, data) in [(Element::F16, halves), (Element::Bf16, brains), (Element::F64, doubles)] {
            let array = Array::dense(element, &data, vec![2]).unwrap();
            assert_eq!(array.to_tensor().unwrap().data, [1.5, -0.25], "{element:?}");
        }
        assert_eq!(Array::dense(Element::I64, &[0; 8], vec![]).unwrap().to_tensor(), None);
    }
}
