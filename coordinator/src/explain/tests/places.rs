//! Jobs that may run in some places only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sweep_shared::labels::{Labels, Spot};

use super::*;

#[test]
fn where_it_may_run_and_who_is_there() {
    let places =
        |name: &str, value: &str| Placement(BTreeMap::from([(name.to_owned(), BTreeSet::from([value.to_owned()]))]));
    let labels = Labels(BTreeMap::from([("room".to_owned(), "b13".to_owned())]));
    let spot = |gpu: Option<&str>| Arc::new(Spot::of("lab-1", &labels, gpu));
    let on_gpu = DeviceFacts { spot: spot(Some("NVIDIA A40")), ..gpu() };
    let cpu = DeviceFacts { class: DeviceClass::Cpu, spot: spot(None), ..gpu() };
    let here = || fleet(vec![lab(vec![on_gpu.clone(), cpu.clone()])]);
    let in_room = |room| JobFacts { place: places("room", room), ..ready() };
    said(
        &in_room("b12"),
        &here(),
        &["It may run only where room: b12; connected are lab-1 (room=b13; NVIDIA A40)."],
        &[
            "Start an agent there (`sweep agent --label NAME=VALUE` says what it is), or change `where` in the plan and submit \
           it with `--amend`.",
        ],
    );
    assert_eq!(explain(&in_room("b13"), &here()).next, ["It is granted in a moment."]);
    let a100 = JobFacts { place: places("gpu", "a100"), ..ready() };
    assert!(explain(&a100, &here()).reasons[0].starts_with("It may run only where gpu: a100; connected are"));
    let a40 = JobFacts { place: places("gpu", "a40"), ..ready() };
    assert_eq!(explain(&a40, &here()).next, ["It is granted in a moment."]);
}
