//! The pages of a sweep and of its jobs, on a study of a thousand jobs (`examples/study.sql`).

mod job;
mod sweep;

use sweep_shared::ids::{ContentHash, JobId};

use super::*;

/// What the study's `evaluation.json` says.
const EVALUATION: &str = r#"{"classes":["cat","dog"],"confusion_matrix":[[7,3],[1,9]],"runtime":"onnxruntime"}"#;

impl Site {
    /// Twenty-four jobs of each configuration; what they made lies in the artifact folder.
    pub async fn study(&self, configurations: u32) {
        let model = self.blob(b"no real model");
        let evaluation = self.blob(EVALUATION.as_bytes());
        let mut script = include_str!("../../../../examples/study.sql").to_owned();
        for (name, value) in [
            (":configs", configurations.to_string()),
            (":now", self.api.clock.unix_ms().to_string()),
            (":evaluation_bytes", EVALUATION.len().to_string()),
            (":model_bytes", "13".to_owned()),
            (":evaluation", format!("'{evaluation}'")),
            (":model", format!("'{model}'")),
        ] {
            script = script.replace(name, &value);
        }
        self.sql(&script).await;
    }

    fn blob(&self, bytes: &[u8]) -> ContentHash {
        let hash = ContentHash::of(bytes);
        let path = self.api.home.blob(&hash);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        hash
    }

    fn log(&self, job: i64, attempt: u32, text: &[u8]) {
        self.api.logs.write(JobId(job), attempt, 0, text).unwrap();
    }
}

/// One that looks on.
async fn studied(configurations: u32) -> (Site, Browser) {
    let site = site().await;
    site.add("vera", Role::Viewer).await;
    site.study(configurations).await;
    let browser = site.signed_in("vera").await;
    (site, browser)
}

/// The policy of the pages forbids these, so that they would not work.
fn obeys_the_policy(text: &str) -> bool {
    !text.contains(" style=\"") && !text.contains("<style") && !text.contains("onclick") && !text.contains("<script>")
}
