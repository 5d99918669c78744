use std::fs;
use std::path::{Path, PathBuf};

use tch::{Device, Kind, Tensor};

use super::*;

fn state(value: i64) -> StateWriter {
    let mut writer = StateWriter::new();
    writer.scoped("net", |w| w.tensor("weight", &Tensor::from_slice(&[value as f32, 2.5]))).unwrap();
    writer.value("epoch", &value).unwrap();
    writer
}

fn epoch(found: Option<&Found>) -> Option<i64> {
    found.map(|f| f.reader.value("epoch").unwrap())
}

fn folders(root: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_kind_and_layout_comes_back_as_it_was() {
    let root = tempfile::tempdir().unwrap();
    let nchw = Tensor::arange(2 * 3 * 4 * 5, (Kind::Float, Device::Cpu)).view([2, 3, 4, 5]);
    let channels_last = nchw.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]);
    assert!(!channels_last.is_contiguous());
    let mut writer = StateWriter::new();
    writer.tensor("image", &channels_last).unwrap();
    for kind in [Kind::Double, Kind::Int64, Kind::Uint8, Kind::Bool, Kind::BFloat16] {
        writer.tensor(&format!("{kind:?}"), &nchw.to_kind(kind)).unwrap();
    }
    writer.bytes("rng", vec![1, 2, 3]);
    let mut store = CheckpointStore::open(root.path()).unwrap();
    store.save(&writer, &[], false).unwrap();
    let reader = store.newest(&[]).unwrap().unwrap().reader;
    assert_eq!(reader.tensor("image").unwrap(), nchw);
    for kind in [Kind::Double, Kind::Int64, Kind::Uint8, Kind::Bool, Kind::BFloat16] {
        let back = reader.tensor(&format!("{kind:?}")).unwrap();
        assert_eq!((back.kind(), back), (kind, nchw.to_kind(kind)));
    }
    assert_eq!(reader.bytes("rng").unwrap(), [1, 2, 3]);
    let mut target = channels_last.zeros_like();
    reader.tensor_into("image", &mut target).unwrap();
    assert_eq!((target.stride(), target), (channels_last.stride(), channels_last));
}

#[test]
fn loading_refuses_other_shapes_instead_of_broadcasting() {
    let root = tempfile::tempdir().unwrap();
    let mut store = CheckpointStore::open(root.path()).unwrap();
    store.save(&state(1), &[], false).unwrap();
    let reader = store.newest(&[]).unwrap().unwrap().reader.scope("net");
    let error = reader.tensor_into("weight", &mut Tensor::zeros([3, 2], (Kind::Float, Device::Cpu))).unwrap_err();
    assert!(error.to_string().contains("net/weight"), "{error}");
    assert!(reader.tensor("bias").is_err());
}

#[test]
fn the_last_two_and_the_best_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let mut store = CheckpointStore::open(root.path()).unwrap();
    for i in 0..6 {
        store.save(&state(i), &[], i == 1).unwrap();
    }
    assert_eq!(folders(root.path()), ["000001", "000004", "000005"]);
    store.save(&state(6), &[], true).unwrap();
    assert_eq!(folders(root.path()), ["000005", "000006"], "a newer best lets the old one go");
}

/// Applies `damage` to the newest of two checkpoints, and expects the older one to be found.
fn survives(damage: impl Fn(&Path)) {
    let root = tempfile::tempdir().unwrap();
    let mut store = CheckpointStore::open(root.path()).unwrap();
    store.save(&state(1), &[], false).unwrap();
    let newest = store.save(&state(2), &[], false).unwrap().folder;
    assert_eq!(epoch(store.newest(&[]).unwrap().as_ref()), Some(2));
    damage(&newest);
    let mut reopened = CheckpointStore::open(root.path()).unwrap();
    assert_eq!(epoch(reopened.newest(&[]).unwrap().as_ref()), Some(1));
    // What is saved next must sort before the damaged one when searching.
    reopened.save(&state(3), &[], false).unwrap();
    assert_eq!(epoch(reopened.newest(&[]).unwrap().as_ref()), Some(3));
}

#[test]
fn a_flipped_byte_anywhere_is_seen() {
    for name in ["state.safetensors", "state.json"] {
        survives(|folder| {
            let path = folder.join(name);
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x40;
            fs::write(&path, bytes).unwrap();
        });
    }
}

#[test]
fn a_truncated_or_missing_file_is_seen() {
    for name in ["state.safetensors", "state.json", "manifest.json"] {
        survives(|folder| {
            let file = fs::OpenOptions::new().write(true).open(folder.join(name)).unwrap();
            file.set_len(10).unwrap();
        });
        survives(|folder| fs::remove_file(folder.join(name)).unwrap());
    }
}

#[test]
fn a_manifest_cannot_point_outside_its_folder() {
    survives(|folder| {
        let path = folder.join("manifest.json");
        let text = fs::read_to_string(&path).unwrap().replace("state.json", "../state.json");
        fs::write(&path, text).unwrap();
    });
}

#[test]
fn an_interrupted_write_leaves_no_trace() {
    let root = tempfile::tempdir().unwrap();
    let mut store = CheckpointStore::open(root.path()).unwrap();
    store.save(&state(1), &[], false).unwrap();
    fs::create_dir(root.path().join(".writing-1")).unwrap();
    fs::write(root.path().join(".writing-1/state.json"), "{").unwrap();
    let mut reopened = CheckpointStore::open(root.path()).unwrap();
    assert_eq!(epoch(reopened.newest(&[]).unwrap().as_ref()), Some(1));
    assert_eq!(folders(root.path()), ["000000"]);
}

#[test]
fn another_attempts_checkpoints_are_found_and_continued() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut first = CheckpointStore::open(old.path()).unwrap();
    let folders: Vec<PathBuf> = (0..2).map(|i| first.save(&state(i), &[], false).unwrap().folder).collect();
    let mut second = CheckpointStore::open(new.path()).unwrap();
    assert!(second.newest(&[]).unwrap().is_none());
    fs::write(folders[1].join("state.json"), "{}").unwrap();
    let elsewhere = [folders[1].clone(), folders[0].clone()];
    assert_eq!(epoch(second.newest(&elsewhere).unwrap().as_ref()), Some(0));
    assert_eq!(second.save(&state(7), &[], false).unwrap().sequence, 1);
}

#[test]
fn files_travel_with_the_checkpoint_and_are_verified() {
    let root = tempfile::tempdir().unwrap();
    let point = root.path().join("model.onnx");
    fs::write(&point, "onnx").unwrap();
    let mut store = CheckpointStore::open(&root.path().join("checkpoints")).unwrap();
    let saved = store.save(&state(1), &[("point.main.model.onnx".into(), point.clone())], false).unwrap();
    assert_eq!(saved.files.len(), 4);
    assert!(store.newest(&[]).unwrap().is_some());
    fs::write(saved.folder.join("point.main.model.onnx"), "0nnx").unwrap();
    assert!(store.newest(&[]).unwrap().is_none());
}
