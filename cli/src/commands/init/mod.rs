//! `sweep init [PATH]`: a commented plan that runs as it is, to begin with.
//!
//! `text` writes it (pure); here it is read back as any plan is, before anything is written, so that what is written runs.

mod text;

use std::path::{Path, PathBuf};

use serde_json::json;
use sweep_coordinator::predict::Networks;
use sweep_model::zoo;
use sweep_shared::plan::{self, ExpandedPlan, nearest};

use crate::context::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::{format, output, whole_file};
use text::{Data, Draft, Kind};

const EXAMPLES: &str = "\
The plan has comments and runs as it is; change it from there. Nothing is overwritten without --force.

Examples:
  sweep init                                    plan.yaml: all kinds of stages, on generated images
  sweep init study.yaml --model resnet18-cifar --data cifar10
  sweep init flowers.yaml --data ~/data/flowers --kind distill
  sweep init --kind command -                   print one whose stages are programs of your own";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The file to write; - prints it
    #[arg(default_value = "plan.yaml", value_hint = clap::ValueHint::FilePath)]
    path: PathBuf,
    /// What it shows: everything (pipeline), one kind of stage and what that needs, or programs of your own (command)
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    kind: Kind,
    /// The network to begin with (`sweep model list`) [default: small-cnn; resnet18 for a folder]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// The images: synthetic (generated), cifar10, or a folder with train/<class>/ and test/<class>/
    #[arg(long, value_name = "DATA", default_value = "synthetic")]
    data: Data,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

pub fn run(context: &Context, args: Args) -> Outcome {
    let prints = args.path == Path::new("-");
    if !prints {
        whole_file::check(&args.path, args.force)?;
    }
    let draft = draft(&args)?;
    let text = draft.text();
    let plan = read_back(&draft, &text)?;
    if prints {
        output::print(&text)?;
        return Ok(Exit::Done);
    }
    whole_file::write(&args.path, text.as_bytes(), args.force)?;
    let file = args.path.display().to_string();
    if context.json {
        let (kind, model) = (draft.kind.word(), &draft.model);
        output::json(&json!({ "file": file, "kind": kind, "model": model, "jobs": plan.jobs.len() }))?;
    } else {
        output::print(&said(&file, &draft, &plan))?;
    }
    Ok(Exit::Done)
}

fn draft(args: &Args) -> Outcome<Draft> {
    let stem = args.path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| *stem != "-");
    let model = match &args.model {
        Some(name) => known(name)?,
        None => args.data.usual_model(),
    };
    let side = zoo::input(model).map_or(32, |[_, side, _]| side);
    let name = stem.filter(|stem| *stem != "plan").unwrap_or(args.kind.word()).to_owned();
    Ok(Draft { name, kind: args.kind, model: model.to_owned(), side: side as u32, data: args.data.clone() })
}

/// A network of the zoo.
fn known(name: &str) -> Outcome<&'static str> {
    if let Ok(entry) = zoo::entry(name) {
        return Ok(entry.name);
    }
    let failure = Failure::usage(format!("there is no network {name:?}"));
    Err(match nearest(name, zoo::names()) {
        Some(near) => failure.hint(format!("did you mean {near}? `sweep model list` shows all")),
        None => {
            failure.hint("`sweep model list` shows all; an ONNX file is named in the plan: model: { onnx: mine.onnx }")
        }
    })
}

/// The plan as it will be understood. What cannot run (a network that does not fit the images) is told now.
fn read_back(draft: &Draft, text: &str) -> Outcome<ExpandedPlan> {
    let networks = Networks::new(Vec::new());
    plan::read(text, "plan.yaml", &networks.catalogue()).map_err(|errors| {
        let why = errors.errors.first().map_or_else(String::new, |error| error.message.clone());
        Failure::usage(format!("no plan for {} on {}: {why}", draft.model, draft.data))
            .hint("networks for 32×32 images end in -cifar; a folder's images (--data FOLDER) are brought to the network's size")
    })
}

fn said(file: &str, draft: &Draft, plan: &ExpandedPlan) -> String {
    let jobs = format::plural(plan.jobs.len(), "job");
    let what = match draft.kind {
        Kind::Command => "programs of your own".to_owned(),
        _ => format!("{} on {}", draft.model, draft.data),
    };
    let width = file.len() + "sweep check ".len();
    let mut text = format!("{file}: {jobs}, {what}\n\nnext:\n");
    for (command, why) in [("check", "what it comes to; runs nothing"), ("local", "run it on this machine")] {
        text += &format!("  {:<width$}   {why}\n", format!("sweep {command} {file}"));
    }
    if let Some(needed) = draft.data.needed() {
        text += &format!("{needed}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    fn args(kind: Kind, model: Option<&str>, data: &str) -> Args {
        let (path, model) = ("study.yaml".into(), model.map(str::to_owned));
        Args { path, kind, model, data: data.parse().unwrap(), force: false }
    }

    #[test]
    fn every_kind_of_plan_is_sound_for_every_kind_of_data() {
        for kind in Kind::value_variants() {
            for data in ["synthetic", "cifar10", "~/data/my \"flowers\""] {
                let draft = draft(&args(*kind, None, data)).unwrap();
                let text = draft.text();
                let plan = read_back(&draft, &text).unwrap_or_else(|failure| panic!("{}\n{text}", failure.text()));
                assert!(plan.warnings.is_empty() && !plan.jobs.is_empty(), "{:?}\n{text}", plan.warnings);
                assert_eq!(plan.name, "study");
                assert!(text.lines().all(|line| line.chars().count() <= 104), "{text}");
                assert!(text.matches('#').count() >= 4, "it is commented:\n{text}");
            }
        }
    }

    #[test]
    fn the_network_is_the_one_that_was_asked_for_and_its_student_another() {
        for model in ["resnet18-cifar", "kd-conv4", "small-cnn"] {
            let draft = draft(&args(Kind::Pipeline, Some(model), "synthetic")).unwrap();
            let plan = read_back(&draft, &draft.text()).unwrap();
            let models: Vec<&str> = plan.jobs.iter().filter_map(|job| Some(job.spec.kind.model()?.name())).collect();
            assert!(models[0] == model && models[1] != model, "{models:?}");
        }
    }

    #[test]
    fn what_cannot_run_is_told_before_anything_is_written() {
        let misspelt = draft(&args(Kind::Train, Some("resnet81"), "synthetic")).unwrap_err();
        assert!(misspelt.text().contains("did you mean resnet18"), "{}", misspelt.text());
        let unfit = draft(&args(Kind::Train, Some("alexnet"), "synthetic")).unwrap();
        let refused = read_back(&unfit, &unfit.text()).unwrap_err();
        assert!(refused.text().contains("does not fit") && refused.hint.unwrap().contains("--data"));
    }
}
