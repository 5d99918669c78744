//! Why a file cannot be imported: the operator, the node, the reason, and what to do.

use crate::shape::ShapeProblem;
use crate::verify::VerifyError;

/// Why an ONNX file is not a network that sweep can train.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ImportError {
    /// The bytes are no protobuf message of ONNX's schema, or hold no graph.
    #[error("this is not an ONNX file, or a part of one: {0}")]
    NotOnnx(String),
    /// The file's input is not one batch of images of fixed size.
    #[error("{found}; sweep imports classifiers with one input [N, C, H, W] whose C, H and W are fixed. {EXPORT_HINT}")]
    Input {
        /// What the file has instead.
        found: String,
    },
    /// The file's output is not one vector of logits.
    #[error(
        "{found}; sweep imports classifiers with one output, the logits [N, classes]: export the network in eval mode"
    )]
    Output {
        /// What the file has instead.
        found: String,
    },
    /// The weights lie in another file.
    #[error(
        "tensor {tensor:?} lies in a second file, {location:?}, which is not at hand here: export with \
         torch.onnx.export(…, external_data=False), or rewrite the file with \
         onnx.save_model(onnx.load(path), \"whole.onnx\", save_as_external_data=False)"
    )]
    External {
        /// Name of the tensor.
        tensor: String,
        /// Where the file says that it lies.
        location: String,
    },
    /// A stored tensor cannot be read.
    #[error("tensor {tensor:?}: {problem}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong.
        problem: TensorProblem,
    },
    /// A node cannot be imported.
    #[error("{op} node {node:?}: {problem}")]
    Node {
        /// The ONNX operator.
        op: String,
        /// The node's name in the file, or that of its output where it has none.
        node: String,
        /// Why, and what to do.
        problem: Problem,
    },
    /// The network that the file describes is unsound.
    #[error("the imported network is unsound: {0}")]
    Unsound(#[from] VerifyError),
}

/// What export call makes a file that can be imported.
pub(super) const EXPORT_HINT: &str = "Export it with torch.onnx.export(model.eval(), images, path) on images of the size that \
                                      it shall be trained on";

/// Why a stored tensor cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TensorProblem {
    /// A negative axis, or more elements than memory has addresses.
    #[error("{0:?} is no shape")]
    Shape(Vec<i64>),
    /// Too few or too many bytes.
    #[error("its shape {dims:?} has {expected} elements, but the file holds {found}")]
    Length {
        /// Its shape.
        dims: Vec<usize>,
        /// Elements of that shape.
        expected: usize,
        /// Elements that are there (of whole bytes).
        found: usize,
    },
    /// Strings, complex numbers, 4-bit and 8-bit floats.
    #[error("its element type {0} is not supported: float, double, float16, bfloat16 and integers are")]
    Type(i32),
}

/// Why a node cannot be imported, and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// No op of sweep is like it.
    #[error("sweep has no such operator; {remedy}")]
    Operator {
        /// What to do.
        remedy: &'static str,
    },
    /// The operator belongs to a quantized file.
    #[error(
        "this file is quantized; import the float network that it was made from, and quantize it with a `quantize` stage"
    )]
    Quantized,
    /// It reads what nothing computes.
    #[error("it reads {0:?}, which no earlier node computes")]
    UnknownValue(String),
    /// It lacks an input.
    #[error("its input {0} is missing")]
    MissingInput(usize),
    /// An attribute or a constant input has a value that sweep has no op for.
    #[error("{name} = {value} is not supported: {supported}")]
    Attribute {
        /// Which.
        name: &'static str,
        /// Its value.
        value: String,
        /// What would be.
        supported: &'static str,
    },
    /// What must be known before the network runs is computed from the images.
    #[error(
        "its {0} is computed while the network runs; sweep needs it as a stored constant (export with constant folding)"
    )]
    NotConstant(&'static str),
    /// A constant where the network's values are needed.
    #[error("its {0} is a constant, which sweep does not support")]
    Constant(&'static str),
    /// The shape of an input does not do.
    #[error("its input has shape {found:?}, but {expected}")]
    Shape {
        /// With the batch in front; `None` is the free batch.
        found: Vec<Option<usize>>,
        /// What it should have.
        expected: &'static str,
    },
    /// A way of reshaping or permuting that sweep has no op for.
    #[error(
        "it needs its input in the layout {layout}, which sweep has no op for: it knows flattening, channel shuffle and tokens"
    )]
    Layout {
        /// Axes as products of the axes of an earlier value.
        layout: String,
    },
    /// A combination of operators that sweep has no op for.
    #[error("{0}")]
    Pattern(&'static str),
    /// The op that it would become does not fit its inputs.
    #[error("{0}")]
    Unfit(ShapeProblem),
    /// So many nodes read the same tensors that the network would be many times larger than the file.
    #[error("with it the network would hold many times more numbers than the file stores")]
    Shared,
    /// More elements than any network has.
    #[error("its value would have more than {0} elements")]
    TooLarge(usize),
}

impl Problem {
    pub(super) fn attribute(name: &'static str, value: impl std::fmt::Debug, supported: &'static str) -> Self {
        Problem::Attribute { name, value: format!("{value:?}"), supported }
    }

    /// An operator that no handler knows.
    pub(super) fn unknown(op_type: &str, domain: &str) -> Self {
        let quantized =
            op_type.contains("QuantizeLinear") || op_type.starts_with("QLinear") || op_type.ends_with("Integer");
        if quantized {
            return Problem::Quantized;
        }
        let remedy = match op_type {
            "If" | "Loop" | "Scan" => "export with fixed image sizes, so that no control flow is left",
            _ if !matches!(domain, "" | "ai.onnx") => "export with the standard operator set only",
            _ => "replace the layer in PyTorch by one that sweep knows (docs/onnx.md lists them), and export again",
        };
        Problem::Operator { remedy }
    }
}

impl From<ShapeProblem> for Problem {
    fn from(problem: ShapeProblem) -> Self {
        Problem::Unfit(problem)
    }
}
