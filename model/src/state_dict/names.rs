//! Other spellings of torchvision's names.

/// What training scripts put in front of every name: `DistributedDataParallel`, `torch.compile`, Lightning.
pub const PREFIXES: [&str; 3] = ["module.", "_orig_mod.", "model."];

/// The name that torchvision gives today to a tensor of its older files; `None` where it never had another.
///
/// DenseNet's layers were `denselayer1.norm.1` before they became `denselayer1.norm1` (Python's names may not hold a dot), and
/// the two linear layers of a vision transformer's block `mlp.linear_1` and `mlp.linear_2` before `mlp.0` and `mlp.3`.
pub fn modern(name: &str) -> Option<String> {
    if let Some((front, tensor)) = name.rsplit_once('.')
        && let Some((layer, number)) = front.rsplit_once('.')
        && let Some((block, op)) = layer.rsplit_once('.')
        && block.contains("denselayer")
        && matches!(op, "norm" | "conv")
        && matches!(number, "1" | "2")
    {
        return Some(format!("{layer}{number}.{tensor}"));
    }
    let spellings = [(".mlp.linear_1.", ".mlp.0."), (".mlp.linear_2.", ".mlp.3.")];
    spellings.iter().find(|(old, _)| name.contains(old)).map(|(old, new)| name.replace(old, new))
}

/// Whether the tensor counts batches: an integer that every batch norm of PyTorch since 0.4.1 carries and that nothing here
/// needs (it matters for `momentum=None` only).
pub fn counts_batches(name: &str) -> bool {
    name.ends_with("num_batches_tracked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_of_densenet_and_vision_transformers_are_known() {
        let cases = [
            ("features.denseblock1.denselayer1.norm.1.weight", Some("features.denseblock1.denselayer1.norm1.weight")),
            ("features.denseblock4.denselayer16.conv.2.weight", Some("features.denseblock4.denselayer16.conv2.weight")),
            ("features.denseblock1.denselayer1.norm1.weight", None),
            ("features.transition1.norm.weight", None),
            ("encoder.layers.encoder_layer_3.mlp.linear_2.bias", Some("encoder.layers.encoder_layer_3.mlp.3.bias")),
            ("fc.weight", None),
        ];
        for (old, new) in cases {
            assert_eq!(modern(old).as_deref(), new, "{old}");
        }
    }
}
