//! Collects state in memory, as bytes, so that what is written does not change while training goes on.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, TensorView};
use serde::Serialize;
use tch::{Kind, Tensor};

use super::{Error, Result, State};

struct Blob {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Named tensors and values. Names are joined with `/` from the scopes around them: `optimizer/momentum/conv1.weight`.
#[derive(Default)]
pub struct StateWriter {
    prefix: String,
    tensors: BTreeMap<String, Blob>,
    values: BTreeMap<String, serde_json::Value>,
}

impl StateWriter {
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of the tensor, in logical (row-major) order whatever its layout in memory.
    pub fn tensor(&mut self, name: &str, tensor: &Tensor) -> Result<()> {
        let dtype = dtype_of(tensor.f_kind()?)
            .ok_or_else(|| Error::Encode(format!("{name} is of kind {:?}", tensor.kind())))?;
        let flat = tensor.f_detach()?.f_to_device(tch::Device::Cpu)?.f_contiguous()?;
        let shape: Vec<usize> = flat.size().iter().map(|&d| d as usize).collect();
        let mut bytes = vec![0u8; flat.numel() * flat.kind().elt_size_in_bytes()];
        flat.f_copy_data_u8(&mut bytes, flat.numel())?;
        self.tensors.insert(self.full(name), Blob { dtype, shape, bytes });
        Ok(())
    }

    pub fn bytes(&mut self, name: &str, bytes: Vec<u8>) {
        self.tensors.insert(self.full(name), Blob { dtype: Dtype::U8, shape: vec![bytes.len()], bytes });
    }

    pub fn value(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        let value = serde_json::to_value(value).map_err(|e| Error::Encode(format!("{name}: {e}")))?;
        self.values.insert(self.full(name), value);
        Ok(())
    }

    /// Saves a part under its own scope.
    pub fn part(&mut self, scope: &str, state: &dyn State) -> Result<()> {
        self.scoped(scope, |writer| state.save(writer))
    }

    /// Runs `body` with every name under `scope`.
    pub fn scoped(&mut self, scope: &str, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let outer = self.prefix.len();
        self.prefix.push_str(scope);
        self.prefix.push('/');
        let result = body(self);
        self.prefix.truncate(outer);
        result
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The contents of `state.safetensors` and `state.json`.
    pub(super) fn encode(&self) -> Result<(Vec<u8>, Vec<u8>)> {
        let views = self.tensors.iter().map(|(name, blob)| {
            TensorView::new(blob.dtype, blob.shape.clone(), &blob.bytes)
                .map(|view| (name.clone(), view))
                .map_err(|e| Error::Encode(format!("{name}: {e}")))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        let tensors = safetensors::serialize(views, None).map_err(|e| Error::Encode(e.to_string()))?;
        let values = serde_json::to_vec_pretty(&self.values).map_err(|e| Error::Encode(e.to_string()))?;
        Ok((tensors, values))
    }
}

pub(super) fn dtype_of(kind: Kind) -> Option<Dtype> {
    Some(match kind {
        Kind::Float => Dtype::F32,
        Kind::Double => Dtype::F64,
        Kind::Int64 => Dtype::I64,
        Kind::Int => Dtype::I32,
        Kind::Int8 => Dtype::I8,
        Kind::Uint8 => Dtype::U8,
        Kind::Bool => Dtype::BOOL,
        Kind::BFloat16 => Dtype::BF16,
        Kind::Half => Dtype::F16,
        _ => return None,
    })
}
