//! What one study has learnt begins another: weights and networks that were exported come back beside a plan for other
//! images in other classes, whose stages train more and more of them.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sweep_tests::{Home, text};

const FIRST: &str = "
name: first
data: { name: synthetic, train: 1000, validation: 100, test: 200 }
defaults: { batch: 64 }
measure: false
stages:
  base: { train: { model: tiny-cnn, epochs: 2 } }
";

/// The second study's images are in three classes, the first one's in ten.
const SECOND: &str = "
name: second
data: { name: folder, path: IMAGES, size: 32, validation: 0.2, normalization: imagenet }
defaults: { batch: 8 }
measure: false
stages:
  head: { train: { model: tiny-cnn, weights: { file: nets/base.safetensors }, unfreeze: [\"fc.*\"], epochs: 2 } }
  tail: { train: { input: head, unfreeze: [\"fc.*\", \"*3.*\"], epochs: 1 } }
  thin: { prune: { input: tail, method: unstructured, keep: [0.5], per_cycle: 0.5, retrain: { epochs: 1 } } }
  whole: { train: { input: thin, epochs: 1 } }
  bought: { train: { model: { onnx: nets/base.onnx }, epochs: 1 } }
";

#[test]
fn weights_of_one_study_begin_another_with_other_classes() {
    let home = Home::new();
    fs::create_dir(home.file("nets")).unwrap();
    local(&home, FIRST);
    let (weights, onnx) = (home.file("nets/base.safetensors"), home.file("nets/base.onnx"));
    let (weights, onnx) = (weights.to_str().unwrap(), onnx.to_str().unwrap());
    let export = home.run(&["export", "j1", "--safetensors", weights, "--onnx", onnx]);
    assert_eq!(export.status.code(), Some(0), "{}", text(&export));

    images(&home.file("images"));
    let second = SECOND.replace("IMAGES", home.file("images").to_str().unwrap());
    local(&home, &second);
    let points = home.json(&["results"]);
    let number = |stage: &str, name: &str| {
        let point = points.as_array().unwrap().iter().find(|p| p["stage"] == stage);
        point.unwrap_or_else(|| panic!("no {stage} in {points:#}"))[name].as_f64().unwrap()
    };
    // 24 channels and a bias for each of three classes.
    assert_eq!(number("head", "parameters_trainable"), 75.0);
    assert!(number("tail", "parameters_trainable") > number("head", "parameters_trainable"));
    assert_eq!(number("whole", "parameters_trainable"), number("whole", "parameters"));
    assert_eq!(number("whole", "parameters_nonzero"), number("thin", "parameters_nonzero"), "zeros stay");
    for stage in ["head", "bought"] {
        let log = home.run(&["logs", &job(&home, stage)]);
        assert!(text(&log).contains("begin with new weights"), "{}", text(&log));
    }
}

#[test]
fn a_file_that_changed_is_other_work_and_one_that_does_not_fit_is_told() {
    let home = Home::new();
    images(&home.file("images"));
    fs::create_dir(home.file("nets")).unwrap();
    let second = SECOND.replace("IMAGES", home.file("images").to_str().unwrap());
    let bought = second.lines().last().unwrap();
    let plan = home.plan(&second.replace(bought, ""));
    let missing = home.run(&["check", plan.to_str().unwrap()]);
    assert_eq!(missing.status.code(), Some(2), "{}", text(&missing));
    assert!(text(&missing).contains("there is no file `nets/base.safetensors`"), "{}", text(&missing));

    // Sound files without any tensor.
    let key = |contents: &str| {
        let header = format!(r#"{{"__metadata__":{{"what":"{contents}"}}}}"#);
        let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        fs::write(home.file("nets/base.safetensors"), file).unwrap();
        home.json(&["check", plan.to_str().unwrap()])["jobs"][0]["key"].clone()
    };
    assert_ne!(key("one"), key("another"));

    let run = home.run(&["local", plan.to_str().unwrap()]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run));
    assert!(text(&run).contains("base.safetensors cannot be used"), "{}", text(&run));
}

/// Runs a plan to its end.
#[track_caller]
fn local(home: &Home, plan: &str) {
    let plan = home.plan(plan);
    let run = home.run(&["local", plan.to_str().unwrap()]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run));
}

/// The id of the stage's only job in the latest sweep.
fn job(home: &Home, stage: &str) -> String {
    let status = home.json(&["status"]);
    let jobs = status["jobs"].as_array().unwrap_or_else(|| panic!("no jobs in {status:#}"));
    let found: Vec<&Value> = jobs.iter().filter(|job| job["stage"] == stage).collect();
    found[0]["id"].as_str().unwrap_or_else(|| panic!("no id in {status:#}")).to_owned()
}

/// Three classes: a bright patch on the left, in the middle, on the right.
fn images(folder: &Path) {
    for (split, count) in [("train", 20), ("test", 5)] {
        for (class, name) in ["left", "middle", "right"].into_iter().enumerate() {
            let folder = folder.join(split).join(name);
            fs::create_dir_all(&folder).unwrap();
            for index in 0..count {
                let inside = |x: u32, y: u32| x / 11 == class as u32 && (y + index) % 5 < 3;
                let pixel = |x, y| {
                    if inside(x, y) { image::Rgb([230, 200, index as u8 * 5]) } else { image::Rgb([20, 30, 40]) }
                };
                image::RgbImage::from_fn(32, 32, pixel).save(folder.join(format!("{index}.png"))).unwrap();
            }
        }
    }
}
