//! What is told of a study that is done, and of one that is not.

use serde_json::json;
use sweep_coordinator::notices::{Message, Mood, Table};

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

pub fn finished() -> Message {
    Message {
        id: "n42@3f9c0d".to_owned(),
        // 2026-11-29 03:12:07
        at_ms: 1_795_921_927_000,
        mood: Mood::Good,
        event: "sweep_finished".to_owned(),
        title: "cifar10-kd is finished: 42 jobs, best 93.1 %".to_owned(),
        lines: vec![
            "All 42 jobs succeeded; 6 of them were taken over from earlier sweeps.".to_owned(),
            "It took 5 h 12 min and 11.4 GPU-hours; 3.2 GPU-hours were saved.".to_owned(),
            "On the Pareto front: 4 of 36 points.".to_owned(),
        ],
        table: Some(Table {
            head: row(&["point", "accuracy", "size", "latency"]),
            rows: vec![
                row(&["int8 mode=qat input=student[model=kd-conv5]", "93.1 ± 0.2 %", "0.61 MB", "1.9 ms"]),
                row(&["pruned[s0.90]", "91.8 ± 0.1 %", "0.22 MB", "1.4 ms"]),
                row(&["Schüler größe=klein", "88.0 ± 0.4 %", "0.09 MB", "–"]),
            ],
        }),
        link: Some("https://desk.example.test:7433/sweeps/s3".to_owned()),
        plot: Some(PLOT.to_owned()),
        facts: json!({ "sweep": "s3", "name": "cifar10-kd", "state": "finished", "jobs": { "succeeded": 42 } }),
    }
}

pub fn failed() -> Message {
    Message {
        id: "n43@3f9c0d".to_owned(),
        mood: Mood::Trouble,
        event: "sweep_failed".to_owned(),
        title: "cifar10-kd has ended with 2 failed jobs (40 of 42 succeeded)".to_owned(),
        lines: vec![
            "j17 student model=kd-conv5: out_of_memory after 3 attempts: CUDA out of memory, tried to allocate 1.50 GiB.".to_owned(),
            "Give it a smaller batch, or a GPU with more than 8 GB; then: `sweep retry j17`.".to_owned(),
            "j31 int8 mode=qat: skipped, since j17 failed.".to_owned(),
        ],
        plot: None,
        table: Some(Table {
            head: row(&["job", "class", "what to do"]),
            rows: vec![row(&["j17", "out_of_memory", "smaller batch"])],
        }),
        ..finished()
    }
}

const PLOT: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 320" width="560" height="320" role="img">
<title>Accuracy against size</title>
<style>text { font: 13px system-ui, sans-serif; fill: #1b2230 } .axis { stroke: #8a94a6 } .front { fill: none; stroke: #2457d6; stroke-width: 2 } .point { fill: #2457d6 } .rest { fill: #8a94a6 }</style>
<rect width="560" height="320" fill="#ffffff"/>
<path class="axis" fill="none" d="M60 20V270H540"/>
<text x="300" y="308" text-anchor="middle">size, MB</text>
<text x="60" y="290" text-anchor="middle">0.1</text><text x="540" y="290" text-anchor="end">0.6</text>
<text x="52" y="60" text-anchor="end">93 %</text><text x="52" y="240" text-anchor="end">88 %</text>
<path class="front" d="M80 235L210 105L520 50"/>
<circle class="point" cx="80" cy="235" r="5"/><circle class="point" cx="210" cy="105" r="5"/><circle class="point" cx="520" cy="50" r="5"/>
<circle class="rest" cx="300" cy="170" r="4"/><circle class="rest" cx="420" cy="120" r="4"/><circle class="rest" cx="360" cy="210" r="4"/>
</svg>"##;
