//! The plan's `data`: which images, how they are split, augmented and normalised.

use crate::spec::{Augment, DataSource, DataSpec, Normalization, SyntheticSpec};

use super::fields::{Bounds, Field, Fields};
use super::tree::Value;

const KINDS: [(&str, &str); 3] = [("synthetic", "synthetic"), ("cifar10", "cifar10"), ("folder", "folder")];
const AUGMENTS: [(&str, Augment); 2] = [("flip", Augment::Flip), ("crop4", Augment::Crop4)];
/// Sizes of the splits of generated data.
const SYNTHETIC: SyntheticSpec = SyntheticSpec { train: 6000, validation: 1000, test: 2000 };
/// Share of the training split that becomes the validation split of a data set without one.
const VALIDATION_SHARE: f64 = 0.1;

/// The side of the square images that a network is given, in pixels.
pub(super) fn image_size(data: &DataSpec) -> u32 {
    match &data.source {
        DataSource::Synthetic(_) | DataSource::Cifar10 { .. } => 32,
        DataSource::Folder { size, .. } => *size,
    }
}

/// Reads `data: cifar10` or `data: { name: cifar10, … }`.
pub(super) fn read(field: &Field<'_>) -> Option<DataSpec> {
    if let Value::Text(_) = field.node.value {
        return match field.word(&KINDS, &[])? {
            "folder" => {
                field.problems.add(field.error("`path` is missing").help(PATH_HELP));
                None
            }
            name => Some(bare(name)),
        };
    }
    let fields = field.fields()?;
    let name = fields.require("name", "one of `synthetic`, `cifar10` or `folder`")?.word(&KINDS, &[])?;
    let source = source(name, &fields);
    let natural = bare(name);
    let validation = match name {
        "synthetic" => 0.0,
        _ => fields.get("validation").and_then(|f| f.number(Bounds::above(0.0, 0.9))).unwrap_or(VALIDATION_SHARE),
    };
    let augment = fields.get("augment").and_then(|f| augment(&f)).unwrap_or(natural.augment);
    let normalization = fields
        .get("normalization")
        .and_then(|f| f.word(&[("dataset", Normalization::Dataset), ("imagenet", Normalization::Imagenet)], &[]))
        .unwrap_or(natural.normalization);
    fields.finish();
    Some(DataSpec { source: source?, validation, augment, normalization })
}

/// The data set with every default.
fn bare(name: &str) -> DataSpec {
    let (source, validation, augment) = match name {
        // Its classes are told apart by shape and texture as drawn; it has splits of its own.
        "synthetic" => (DataSource::Synthetic(SYNTHETIC), 0.0, Vec::new()),
        _ => (DataSource::Cifar10 { path: None }, VALIDATION_SHARE, vec![Augment::Flip, Augment::Crop4]),
    };
    DataSpec { source, validation, augment, normalization: Normalization::Dataset }
}

const PATH_HELP: &str = "the folder with `train/<class>/…` and `test/<class>/…`: `path: ~/data/flowers`";

fn source(name: &str, fields: &Fields<'_>) -> Option<DataSource> {
    match name {
        "synthetic" => {
            let count = |name, default| fields.get(name).and_then(|f| f.count(10..=1_000_000)).unwrap_or(default);
            Some(DataSource::Synthetic(SyntheticSpec {
                train: count("train", SYNTHETIC.train),
                validation: count("validation", SYNTHETIC.validation),
                test: count("test", SYNTHETIC.test),
            }))
        }
        "cifar10" => Some(DataSource::Cifar10 { path: fields.get("path").and_then(|f| path(&f)) }),
        _ => {
            let size = fields.get("size").and_then(|f| f.count(8..=1024)).unwrap_or(32);
            let path = fields.require("path", PATH_HELP).and_then(|f| path(&f))?;
            Some(DataSource::Folder { path, size })
        }
    }
}

/// Kept as written: `~` and `${VAR}` are those of the machine that runs the job.
fn path(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    match crate::spec::check_path(text) {
        Ok(()) => Some(text.to_owned()),
        Err(why) => {
            field.say(why.to_string());
            None
        }
    }
}

fn augment(field: &Field<'_>) -> Option<Vec<Augment>> {
    let mut chosen = Vec::new();
    for item in field.list()? {
        let word = item.word(&AUGMENTS, &["cutout", "colorjitter", "autoaugment"])?;
        if !chosen.contains(&word) {
            chosen.push(word);
        }
    }
    // The order of the list does not matter, and must not make another key.
    chosen.sort_by_key(|a| AUGMENTS.iter().position(|(_, b)| a == b));
    Some(chosen)
}
