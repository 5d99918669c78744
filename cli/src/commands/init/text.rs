//! The text of a first plan. Pure.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

/// What the plan shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    // Train, distil, prune, quantize, each from the ones before.
    #[default]
    Pipeline,
    Train,
    Distill,
    Prune,
    Quantize,
    // Programs of the user's own.
    Command,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Train => "train",
            Self::Distill => "distill",
            Self::Prune => "prune",
            Self::Quantize => "quantize",
            Self::Command => "command",
        }
    }

    fn has(self, stage: Self) -> bool {
        self == stage || self == Self::Pipeline
    }
}

/// The images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    Synthetic,
    Cifar10,
    Folder(String),
}

impl FromStr for Data {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "synthetic" => Ok(Self::Synthetic),
            "cifar10" => Ok(Self::Cifar10),
            // A folder is not looked for: it lies on the machine that will run the jobs.
            path if path.contains(['/', '~', '.', '$']) => Ok(Self::Folder(path.to_owned())),
            other => {
                let near = sweep_shared::plan::nearest(other, ["synthetic", "cifar10"]);
                let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                Err(format!("images are synthetic, cifar10 or a folder, written with a slash: ./{other}{near}"))
            }
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Synthetic => f.write_str("generated images"),
            Self::Cifar10 => f.write_str("CIFAR-10"),
            Self::Folder(path) => write!(f, "the images in {path}"),
        }
    }
}

impl Data {
    pub fn usual_model(&self) -> &'static str {
        if let Self::Folder(_) = self { "resnet18" } else { "small-cnn" }
    }

    /// What must lie where before it can run.
    pub fn needed(&self) -> Option<String> {
        match self {
            Self::Synthetic => None,
            Self::Cifar10 => Some(
                "it reads CIFAR-10's .bin files from the data set folder (`sweep config show datasets`)".to_owned(),
            ),
            Self::Folder(path) => Some(format!("it reads {path}/train/<class>/*.jpg and {path}/test/<class>/*.jpg")),
        }
    }

    fn epochs(&self) -> u32 {
        if *self == Self::Synthetic { 6 } else { 30 }
    }
}

/// All that there is to choose.
#[derive(Debug)]
pub struct Draft {
    pub name: String,
    pub kind: Kind,
    pub model: String,
    /// Of the images that the network was published for.
    pub side: u32,
    pub data: Data,
}

/// Where comments begin.
const COMMENT: usize = 36;

impl Draft {
    pub fn text(&self) -> String {
        let mut text = format!(
            "# What this comes to: `sweep check FILE`. Run it here: `sweep local FILE`.\n# Every field is in docs/plan.md.\nname: {}\n",
            word(&self.name)
        );
        if self.kind == Kind::Command {
            text += COMMANDS;
            return text;
        }
        text += &self.data();
        text += &with("seeds: [0]", "[0, 1, 2]: all of it three times, with mean ± deviation");
        text += "\nstages:\n";
        text += &self.stages();
        text += "\n";
        text += &with(
            "measure: { latency: { batch: [1, 32], runs: 50 } }",
            "of every point, alone on its machine; or false",
        );
        text
    }

    fn data(&self) -> String {
        match &self.data {
            Data::Synthetic => with("data: synthetic", "generated 32×32 images in 10 classes: nothing to download"),
            Data::Cifar10 => {
                "data:\n".to_owned()
                    + &with("  name: cifar10", "its .bin files, in the data set folder of the machine")
                    + IMAGES
            }
            Data::Folder(path) => {
                format!("data:\n  name: folder\n  path: {}\n", quoted(path))
                    + &with("", "holds train/<class>/*.jpg and test/<class>/*.jpg")
                    + &with(&format!("  size: {}", self.side), "images are brought to so many pixels a side")
                    + IMAGES
            }
        }
    }

    fn stages(&self) -> String {
        let (model, epochs) = (&self.model, self.data.epochs());
        let mut text = String::new();
        let _ = writeln!(text, "  base:\n    train: {{ model: {model}, epochs: {epochs} }}");
        if self.kind == Kind::Train {
            text += &with("    matrix:", "a job for each combination");
            text += "      batch: [64, 128]\n      label_smoothing: [0.0, 0.1]\n";
        }
        let mut made = vec!["base"];
        if self.kind.has(Kind::Distill) {
            text += &with("\n  student:", "a smaller network that learns from the first");
            let student = self.student();
            let _ = writeln!(text, "    distill: {{ teacher: base, model: {student}, epochs: {epochs} }}");
            if self.kind == Kind::Distill {
                text += "    matrix: { temperature: [2, 4, 8] }\n";
            }
            made.push("student");
        }
        if self.kind.has(Kind::Prune) {
            text += &with("\n  pruned:", "channels taken out a few at a time, retrained after each time");
            let input = made.last().copied().unwrap_or("base");
            let keep = if self.kind == Kind::Prune { "[0.3, 0.5, 0.7]" } else { "[0.5]" };
            let _ = writeln!(text, "    prune:\n      input: {input}");
            text += &with("      method: structured", "whole channels; unstructured: single weights become zero");
            text += &with("      per_cycle: 0.3", "of what is left, each time");
            text += &with(&format!("      keep: {keep}"), "a point at each of these sparsities");
            let _ = writeln!(text, "      retrain: {{ epochs: {} }}", (epochs / 3).max(1));
            made.push("pruned");
        }
        if self.kind.has(Kind::Quantize) {
            text += &with("\n  int8:", "8-bit integers: by calibration, and trained for it");
            let _ = writeln!(text, "    quantize: {{ input: [{}], epochs: {} }}", made.join(", "), (epochs / 3).max(1));
            text += "    matrix: { mode: [static, qat] }\n";
        }
        text
    }

    /// Smaller than most, and not the network itself.
    fn student(&self) -> &'static str {
        let students: &[&str] = match (&self.data, self.side) {
            (Data::Folder(_), 33..) => &["mobilenet_v3_small", "mobilenet_v2"],
            _ => &["kd-conv4", "tiny-cnn"],
        };
        students.iter().find(|student| **student != self.model).copied().unwrap_or("tiny-cnn")
    }
}

const IMAGES: &str = "  augment: [flip, crop4]\n  validation: 0.1                   # these choose the epoch; test images only measure\n";

const COMMANDS: &str = r#"seeds: [0, 1]                       # ${seed} below

stages:
  train:                            # any program; no shell unless you ask for one
    command:
      run: [/bin/sh, -c, 'echo "lr ${lr}, seed ${seed}" > result.txt']
      outputs: [result.txt]         # kept; a job without them has failed
      # run: [python3, train.py, "--lr", "${lr}"]
      # files: [train.py]           # travels with the plan
    matrix: { lr: [0.1, 0.01] }     # a job for each, and for each seed

  after:                            # begins when its inputs have succeeded
    command: { run: [/bin/echo, "both are done"], input: train }

measure: false                      # there are no networks to measure
"#;

/// A line with a comment behind it.
fn with(text: &str, comment: &str) -> String {
    let lead = text.len() - text.trim_start_matches('\n').len();
    let width = COMMENT + lead;
    if text.chars().count() < width { format!("{text:<width$}# {comment}\n") } else { format!("{text}  # {comment}\n") }
}

/// As YAML understands it in any case: JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Plain where it can be nothing but text.
fn word(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let known = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&text.to_lowercase().as_str());
    if plain && !known { text.to_owned() } else { quoted(text) }
}
