//! safetensors: a JSON header, then the numbers, little-endian and row-major. The `safetensors` crate checks that the header's
//! offsets cover the file exactly.

use safetensors::{Dtype, SafeTensors};

use super::StateDict;
use super::array::{Array, Element};
use super::error::StateDictError;

/// Whether these may be the first bytes of such a file: the header's length, and the header, which is a JSON object.
pub fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.get(8) == Some(&b'{')
}

/// Reads the tensors of the file.
pub fn read(bytes: &[u8]) -> Result<StateDict<'_>, StateDictError> {
    let file = SafeTensors::deserialize(bytes)?;
    let tensors = file.tensors().into_iter().map(|(name, view)| {
        let element = element(view.dtype());
        let element = element.ok_or_else(|| StateDictError::Dtype { name: name.clone(), dtype: view.dtype() })?;
        match Array::dense(element, view.data(), view.shape().to_vec()) {
            Ok(array) => Ok((name, array)),
            Err(problem) => Err(StateDictError::Tensor { name, problem }),
        }
    });
    Ok(StateDict { tensors: tensors.collect::<Result<_, _>>()?, wrapper: None })
}

fn element(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::F64 => Element::F64,
        Dtype::F32 => Element::F32,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        Dtype::I64 => Element::I64,
        Dtype::I32 => Element::I32,
        Dtype::I16 => Element::I16,
        Dtype::I8 => Element::I8,
        Dtype::U8 => Element::U8,
        Dtype::BOOL => Element::Bool,
        _ => return None,
    })
}
