//! Data sets from files reach the runner, and what is wrong with them is told in words that name the file.

mod support;

use std::path::Path;

use image::{Rgb, RgbImage};
use serde_json::{Value, json};
use sweep_shared::event::{RunnerEvent, exit};
use sweep_shared::states::FailureClass;

use support::{Attempt, fit, job, run};

/// Two classes of JPEG and PNG images, told apart by their brightness, of several sizes.
fn write_folder(root: &Path) {
    for (split, count) in [("train", 40), ("test", 20)] {
        for (class, value) in [("dark", 40u8), ("light", 200)] {
            let folder = root.join(split).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for index in 0..count {
                let side = 32 + index % 5;
                let pixel = |x: u32, y: u32| Rgb([value + (x % 16) as u8, value + (y % 16) as u8, value]);
                let extension = if index % 2 == 0 { "jpg" } else { "png" };
                RgbImage::from_fn(side, 40, pixel).save(folder.join(format!("{index:03}.{extension}"))).unwrap();
            }
        }
    }
}

fn training_on(source: Value, datasets: &Path) -> Value {
    let mut fit = fit(2);
    fit["batch"] = json!(8);
    let mut job = job("train", json!({ "model": "tiny-cnn", "fit": fit }), &[]);
    job["spec"]["data"]["source"] = source;
    job["datasets"] = json!(datasets);
    job
}

/// Runs a job that cannot work; returns its failure's message.
fn refused(job: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (events, status) = Attempt::start(folder.path(), job).finish();
    assert_eq!(status.code(), Some(exit::FAILED), "{events:?}");
    match events.last() {
        Some(RunnerEvent::Failed { class: FailureClass::BadInput, message }) => message.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_image_folder_is_trained_on_and_its_decoded_images_are_kept() {
    let datasets = tempfile::tempdir().unwrap();
    write_folder(&datasets.path().join("brightness"));
    let job = training_on(json!({ "folder": { "path": "brightness", "size": 32 } }), datasets.path());
    let folder = tempfile::tempdir().unwrap();
    let events = run(folder.path(), &job);
    let accuracy = events.iter().find_map(|event| match event {
        RunnerEvent::Point { metrics, .. } => metrics.get("accuracy").copied(),
        _ => None,
    });
    assert!(accuracy.is_some_and(|accuracy| accuracy > 0.9), "{accuracy:?}");
    let cached = std::fs::read_dir(datasets.path().join("decoded")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut cached: Vec<String> = cached.map(|name| name.to_string_lossy().into_owned()).collect();
    cached.sort();
    // The decoded images, what others that begin with it wait for, and the index of the files they were made of.
    let [lock, images, index] = &cached[..] else { panic!("{cached:?}") };
    assert!(images.starts_with("images-") && index.starts_with("index-"), "{cached:?}");
    let name = images.strip_suffix(".raw").expect("decoded images");
    assert_eq!(lock.strip_suffix(".lock"), Some(name), "{cached:?}");
    let text = std::fs::read_to_string(folder.path().join("points/main/evaluation.json")).unwrap();
    let evaluation: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(evaluation["classes"], json!(["dark", "light"]));
    assert_eq!(evaluation["test_images"], 40);
}

#[test]
fn a_corrupt_image_fails_the_job_as_bad_input_and_is_named() {
    let datasets = tempfile::tempdir().unwrap();
    let root = datasets.path().join("brightness");
    write_folder(&root);
    let image = std::fs::read(root.join("train/dark/004.jpg")).unwrap();
    std::fs::write(root.join("train/dark/004.jpg"), &image[..20]).unwrap();
    let job = training_on(json!({ "folder": { "path": root, "size": 32 } }), datasets.path());
    let message = refused(&job);
    assert!(message.contains("train/dark/004.jpg"), "{message}");
}

#[test]
fn a_missing_cifar_says_where_it_was_looked_for_and_how_to_get_it() {
    let datasets = tempfile::tempdir().unwrap();
    let message = refused(&training_on(json!({ "cifar10": { "path": null } }), datasets.path()));
    assert!(message.contains(&datasets.path().display().to_string()), "{message}");
    assert!(message.contains("curl"), "{message}");
}
