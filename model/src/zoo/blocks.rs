//! What several families are made of.

use crate::graph::GraphBuilder;
use crate::op::{BatchNorm2d, Conv2d, Op, Pool2d};

/// PyTorch's `Sequential`, whose layers are named by their place: `features.0`, `features.1`, …
pub(super) struct Sequential<'a> {
    builder: &'a mut GraphBuilder,
    prefix: &'static str,
    next: usize,
    value: String,
}

impl<'a> Sequential<'a> {
    /// Begins with the value `input`.
    pub(super) fn new(builder: &'a mut GraphBuilder, prefix: &'static str, input: &str) -> Self {
        Self { builder, prefix, next: 0, value: input.into() }
    }

    /// The value of the last layer.
    pub(super) fn end(self) -> String {
        self.value
    }

    /// A layer that has several nodes: `block` gets the builder, the layer's name, and the name of its input.
    pub(super) fn block(&mut self, block: impl FnOnce(&mut GraphBuilder, &str, &str) -> String) -> &mut Self {
        let name = format!("{}.{}", self.prefix, self.next);
        self.value = block(self.builder, &name, &self.value);
        self.next += 1;
        self
    }

    /// Any op.
    pub(super) fn op(&mut self, op: Op) -> &mut Self {
        self.block(|b, name, input| b.push(name, op, &[input]))
    }

    /// A square convolution with bias, as PyTorch has it by default.
    pub(super) fn conv(&mut self, out: usize, kernel: usize, stride: usize, padding: usize) -> &mut Self {
        let conv = Conv2d::new(self.builder.channels(&self.value), out, kernel).stride(stride).padding(padding);
        self.op(Op::Conv2d(conv.with_bias()))
    }

    /// Batch norm with PyTorch's defaults.
    pub(super) fn batch_norm(&mut self) -> &mut Self {
        self.block(|b, name, input| b.batch_norm(name, input))
    }

    /// `max(x, 0)`.
    pub(super) fn relu(&mut self) -> &mut Self {
        self.op(Op::Relu)
    }

    /// Max pooling without padding.
    pub(super) fn max_pool(&mut self, kernel: usize, stride: usize) -> &mut Self {
        self.op(Op::MaxPool2d(Pool2d::new(kernel).stride(stride)))
    }

    /// Dropout of single elements.
    pub(super) fn dropout(&mut self, p: f64) -> &mut Self {
        self.op(Op::Dropout { p })
    }

    /// A linear layer with bias.
    pub(super) fn linear(&mut self, out: usize) -> &mut Self {
        self.block(|b, name, input| b.linear(name, input, out))
    }
}

/// What follows a convolution.
#[derive(Clone)]
pub(super) struct After {
    /// Batch norm's `eps`.
    pub(super) eps: f64,
    /// Batch norm's `momentum`.
    pub(super) momentum: f64,
    /// The activation behind it.
    pub(super) activation: Option<Op>,
}

impl After {
    /// Batch norm with PyTorch's defaults, then the activation.
    pub(super) fn new(activation: Op) -> Self {
        Self { eps: 1e-5, momentum: 0.1, activation: Some(activation) }
    }

    /// The same without activation.
    pub(super) fn linear(&self) -> Self {
        Self { activation: None, ..self.clone() }
    }
}

/// Out channels, kernel, stride and groups of a convolution that keeps the size at stride 1.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub(super) out: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) groups: usize,
}

impl Window {
    /// A 1×1 convolution.
    pub(super) fn pointwise(out: usize) -> Self {
        Self { out, kernel: 1, stride: 1, groups: 1 }
    }

    /// A convolution of each of `channels` on its own.
    pub(super) fn depthwise(channels: usize, kernel: usize, stride: usize) -> Self {
        Self { out: channels, kernel, stride, groups: channels }
    }
}

/// torchvision's `Conv2dNormActivation`: convolution `prefix.0`, batch norm `prefix.1`, activation `prefix.2`.
pub(super) fn conv_norm(b: &mut GraphBuilder, prefix: &str, input: &str, window: Window, after: &After) -> String {
    let Window { out, kernel, stride, groups } = window;
    let conv = Conv2d::new(b.channels(input), out, kernel).stride(stride).padding(kernel / 2).groups(groups);
    let x = b.push(&format!("{prefix}.0"), Op::Conv2d(conv), &[input]);
    let norm = BatchNorm2d { features: out, eps: after.eps, momentum: after.momentum };
    let x = b.push(&format!("{prefix}.1"), Op::BatchNorm2d(norm), &[&x]);
    match &after.activation {
        Some(activation) => b.push(&format!("{prefix}.2"), activation.clone(), &[&x]),
        None => x,
    }
}

/// Squeeze and excitation (Hu et al. 2018): each channel is multiplied with a factor that a small network computes from the
/// means of all. `inner` is the activation between its two layers, `gate` the one that bounds the factor.
pub(super) fn squeeze_excitation(
    b: &mut GraphBuilder,
    prefix: &str,
    input: &str,
    squeeze: usize,
    [inner, gate]: [Op; 2],
) -> String {
    let name = |suffix: &str| format!("{prefix}.{suffix}");
    let channels = b.channels(input);
    let s = b.global_avg_pool(&name("avgpool"), input);
    let s = b.push(&name("fc1"), Op::Conv2d(Conv2d::new(channels, squeeze, 1).with_bias()), &[&s]);
    let s = b.push(&name("activation"), inner, &[&s]);
    let s = b.push(&name("fc2"), Op::Conv2d(Conv2d::new(squeeze, channels, 1).with_bias()), &[&s]);
    let s = b.push(&name("scale_activation"), gate, &[&s]);
    b.push(&name("mul"), Op::Mul, &[input, &s])
}

/// The end of MobileNetV2 and EfficientNet: the mean of each plane, then `classifier` with dropout and a linear layer.
pub(super) fn mean_classifier(b: &mut GraphBuilder, input: &str, dropout: f64, classes: usize) -> String {
    let x = b.global_avg_pool("avgpool", input);
    let x = b.flatten("flatten", &x);
    let mut x = Sequential::new(b, "classifier", &x);
    x.dropout(dropout).linear(classes);
    x.end()
}
