//! The network that a stage begins with: `model`, `weights`, `freeze` and `unfreeze`.

use std::rc::Rc;

use crate::spec::{FreezeSpec, Init, ModelSource, ModelSpec, Normalization, WeightsSpec};

use super::super::fields::{Bounds, Field, Fields};
use super::super::suggest::{listed, nearest};
use super::super::tree::Value;
use super::files::file;
use super::{Built, Context, Pattern};

pub(super) const MODEL_HELP: &str = "a network of the zoo: `model: small-cnn` (`sweep model list` prints them), or a file: `model: { onnx: mine.onnx }`";
const WEIGHTS_HELP: &str =
    "`imagenet` (published weights, which the agent downloads), `{ file: weights.pth }` or `none`";

/// Reads `model: resnet18` or `model: { name: resnet18, width: 0.5, … }`, and the stage's `weights`.
pub(super) fn read(field: &Field<'_>, weights: Option<&Field<'_>>, context: &Context<'_>) -> Option<ModelSpec> {
    let (mut model, inner) = match field.node.value {
        Value::Text(_) => (ModelSpec::zoo(name(field, context)?), Inner::default()),
        _ => described(field, context)?,
    };
    if let (Some(weights), Some(_)) = (weights, &inner.weights) {
        weights.say("`weights` stands here and in `model`: keep one of them");
    }
    if let Some(weights) = weights.or(inner.weights.as_ref()) {
        start(&mut model, weights, inner.transform_input, context);
    }
    check(field, &model, context);
    Some(model)
}

/// What `model: { … }` says that is settled only together with the stage's own fields.
#[derive(Default)]
struct Inner<'a> {
    weights: Option<Field<'a>>,
    transform_input: Option<bool>,
}

fn described<'a>(field: &Field<'a>, context: &Context<'_>) -> Option<(ModelSpec, Inner<'a>)> {
    if !matches!(field.node.value, Value::Map(_)) {
        field.problems.add(field.error(format!("expected a network, found {}", field.found())).help(MODEL_HELP));
        return None;
    }
    let fields = field.fields()?;
    let source = source(field, &fields, context);
    let width = fields.get("width").and_then(|f| f.number(WIDTHS).map(|width| (f, width)));
    let init = fields.get("init").and_then(|f| f.word(&INITS, &[]).map(|init| (f, init)));
    let transform = fields.get("transform_input").and_then(|f| f.flag().map(|flag| (f, flag)));
    let weights = fields.get("weights");
    fields.finish();
    let source = source?;
    if let ModelSource::Onnx(_) = source {
        let given = [
            width.as_ref().map(|w| &w.0),
            init.as_ref().map(|i| &i.0),
            transform.as_ref().map(|t| &t.0),
            weights.as_ref(),
        ];
        for field in given.into_iter().flatten() {
            field.say("this belongs to networks of the zoo; an ONNX file holds the whole network with its weights");
        }
    }
    let transform_input = transform.map(|t| t.1);
    let model = ModelSpec {
        width: width.map_or(1.0, |w| w.1),
        init: init.map_or_else(Init::default, |i| i.1),
        transform_input: transform_input.unwrap_or(false),
        ..ModelSpec::plain(source)
    };
    Some((model, Inner { weights, transform_input }))
}

/// Those that the zoo builds.
const WIDTHS: Bounds = Bounds::closed(0.01, 16.0);
const INITS: [(&str, Init); 2] = [("torchvision", Init::Torchvision), ("kaiming", Init::Kaiming)];

fn source(field: &Field<'_>, fields: &Fields<'_>, context: &Context<'_>) -> Option<ModelSource> {
    match (fields.get("name"), fields.get("onnx")) {
        (Some(field), None) => name(&field, context).map(ModelSource::Zoo),
        (None, Some(field)) => file(&field, context).map(ModelSource::Onnx),
        (None, None) => {
            field.problems.add(field.error("`name` is missing").help(MODEL_HELP));
            None
        }
        (Some(_), Some(field)) => {
            field.say("a network has either a `name` or an `onnx` file");
            None
        }
    }
}

/// A name of the zoo.
fn name(field: &Field<'_>, context: &Context<'_>) -> Option<String> {
    let name = field.text()?;
    let models = || context.catalogue.models.iter().map(String::as_str);
    if !models().any(|m| m == name) {
        let error = field.error(format!("there is no network called `{name}`")).suggest(nearest(name, models()));
        let is_file = std::path::Path::new(name).extension().is_some_and(|ending| ending == "onnx");
        let error = if is_file { error.help("a file: `model: { onnx: mine.onnx }`") } else { error };
        field.problems.add(error.help(all(models())));
        return None;
    }
    Some(name.to_owned())
}

/// What there is to choose from: a list that one reads, or where the long one is.
fn all<'a>(models: impl Iterator<Item = &'a str>) -> String {
    let models: Vec<&str> = models.collect();
    match models.len() {
        0..=12 => format!("networks: {}", listed(models)),
        many => format!("`sweep model list` shows the {many} networks"),
    }
}

/// Sets the weights that the network starts from.
fn start(model: &mut ModelSpec, field: &Field<'_>, transforms: Option<bool>, context: &Context<'_>) {
    let ModelSource::Zoo(name) = &model.source else {
        return field.say("an ONNX file brings its own weights");
    };
    match &field.node.value {
        Value::Text(word) if word == "none" => {}
        Value::Text(word) if word == "imagenet" => {
            let Some(published) = context.catalogue.networks.published(name) else {
                let error = field.error(format!("no weights are published for `{name}`"));
                return field
                    .problems
                    .add(error.help("torchvision's networks have some; others: `weights: { file: … }`"));
            };
            if model.width != 1.0 {
                field.say("published weights have the published width: leave out `width`");
            }
            model.transform_input = transforms.unwrap_or(published.transform_input);
            model.weights = Some(WeightsSpec::Imagenet(published.file));
            advise(field, context);
        }
        Value::Map(_) => model.weights = from_file(field, context).map(WeightsSpec::File),
        _ => {
            let error = field.error(format!("expected weights, found {}", field.found()));
            field.problems.add(error.suggest(word_near(field)).help(WEIGHTS_HELP));
        }
    }
}

fn word_near(field: &Field<'_>) -> Option<&'static str> {
    let Value::Text(word) = &field.node.value else { return None };
    nearest(word, ["imagenet", "none"])
}

fn from_file(field: &Field<'_>, context: &Context<'_>) -> Option<crate::spec::PlanFile> {
    let fields = field.fields()?;
    let found = fields.require("file", WEIGHTS_HELP).and_then(|f| file(&f, context));
    fields.finish();
    found
}

/// Published weights expect the images that they were trained on.
fn advise(field: &Field<'_>, context: &Context<'_>) {
    if context.normalization == Some(Normalization::Dataset) {
        let message = "these weights were trained on images normalised with ImageNet's statistics, and the plan uses the data set's own";
        field.problems.warn(field.error(message).help("`data: { …, normalization: imagenet }`"));
    }
}

/// Whether the network can be built for the plan's images.
fn check(field: &Field<'_>, model: &ModelSpec, context: &Context<'_>) {
    let size = context.image_size.unwrap_or(32);
    if let Err(why) = built(model, context) {
        let words = match &model.source {
            ModelSource::Zoo(name)
                if *model == ModelSpec { weights: model.weights.clone(), ..ModelSpec::zoo(name) } =>
            {
                format!("`{name}` does not fit images of {size}×{size}: {why}")
            }
            ModelSource::Zoo(name) => format!("`{name}` cannot be built like this for images of {size}×{size}: {why}"),
            ModelSource::Onnx(file) => format!("`{}` cannot be used: {why}", file.name),
        };
        field.say(words);
    }
}

/// Builds the network, or remembers how that went. (Which weights it starts from makes no difference.)
pub(in super::super) fn built(model: &ModelSpec, context: &Context<'_>) -> Built {
    let bare = ModelSpec { weights: None, ..model.clone() };
    let text = serde_json::to_string(&bare).unwrap_or_default();
    let mut built = context.built.borrow_mut();
    let size = context.image_size.unwrap_or(32);
    let build = || context.catalogue.networks.parameters(&bare, size).map(|names| names.map(Rc::new));
    built.entry(text).or_insert_with(build).clone()
}

/// Reads `freeze` and `unfreeze`. Without `freeze`, what is not unfrozen is frozen.
pub(super) fn frozen(fields: &Fields<'_>) -> (FreezeSpec, Vec<Pattern>) {
    let mut all = Vec::new();
    let mut read = |name| {
        let patterns: Vec<Pattern> = fields.get(name).map(|f| patterns(&f)).unwrap_or_default();
        let texts = patterns.iter().map(|p| p.text.clone()).collect::<Vec<_>>();
        all.extend(patterns);
        texts
    };
    let mut spec = FreezeSpec { freeze: read("freeze"), unfreeze: read("unfreeze") };
    if spec.freeze.is_empty() && !spec.unfreeze.is_empty() {
        spec.freeze = vec!["*".to_owned()];
    }
    (spec, all)
}

/// A pattern, or a list of them.
fn patterns(field: &Field<'_>) -> Vec<Pattern> {
    let items =
        if let Value::Text(_) = field.node.value { vec![field.clone()] } else { field.list().unwrap_or_default() };
    let pattern = |item: &Field<'_>| {
        let text = item.text()?.to_owned();
        Some(Pattern { text, at: item.node.at, field: item.path.clone() })
    };
    items.iter().filter_map(pattern).collect()
}
