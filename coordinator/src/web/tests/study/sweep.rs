use http::StatusCode;

use super::*;
use crate::web::tests::browser::Answer;

/// The jobs in the table, in its order.
fn jobs(page: &Answer) -> Vec<String> {
    let table = page.between("<caption class=\"unseen\">Jobs</caption>", "</table>");
    let Some(table) = table.first() else { return Vec::new() };
    table
        .split("<th scope=\"row\"><a href=\"/jobs/")
        .skip(1)
        .map(|row| row.split('"').next().unwrap().to_owned())
        .collect()
}

/// The points in the table of results, in its order.
fn points(page: &Answer) -> Vec<String> {
    let table = page.between("<caption class=\"unseen\">Results</caption>", "</table>");
    let Some(table) = table.first() else { return Vec::new() };
    let rows = table.split("<th class=\"label\" scope=\"row\"><a href=\"").skip(1);
    rows.map(|row| row.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_sweep_is_shown_with_its_stages_jobs_and_results() {
    let (_site, mut browser) = studied(40).await;
    let page = browser.get("/sweeps/s1").await;
    assert_eq!(page.status, StatusCode::OK);
    for words in [
        "resnet-prune-quant",
        "1–50 of 960",
        "aria-label=\"Stage pruned (prune): ",
        "±",
        "id=\"pareto-title\"",
        "id=\"compression-title\"",
        "GPU-hours",
    ] {
        assert!(page.says(words), "{words} in {}", page.text);
    }
    assert_eq!(jobs(&page).len(), 50);
    assert_eq!(jobs(&page)[0], "j1");
    assert!(obeys_the_policy(&page.text));
    assert_eq!(browser.get("/sweeps/1").await.status, StatusCode::OK, "without its letter");
    for path in
        ["/sweeps/s2", "/sweeps/s0", "/sweeps/x", "/sweeps/s2/plan", "/jobs/j9999", "/sweeps/99999999999999999999"]
    {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let plan = browser.get("/sweeps/s1/plan").await;
    assert!(
        plan.says("train: { model: resnet18-cifar, epochs: 8 }") && plan.says("/home/ada/resnet.yaml"),
        "{}",
        plan.text
    );
}

#[tokio::test]
async fn jobs_are_filtered_sorted_and_in_pages() {
    let (site, mut browser) = studied(40).await;
    let failed = browser.get("/sweeps/s1?state=failed").await;
    let count = site.store.sweep(sweep_shared::ids::SweepId(1)).await.unwrap().counts["failed"];
    assert_eq!(jobs(&failed).len(), count as usize);
    assert!(failed.says("out of memory") && failed.says("Show all"));
    // Filters together; the text is of the stage and the label, in any case.
    let some = browser.get("/sweeps/s1?stage=int8&q=MODE%3Dqat&sort=seed&desc=1").await;
    assert_eq!(jobs(&some).len(), 50);
    assert!(some.says("mode=qat") && !some.text.contains("<td class=\"label\">mode=static"), "{}", some.text);
    assert_eq!(jobs(&browser.get("/sweeps/s1?q=j77").await), ["j77"]);
    assert!(jobs(&browser.get("/sweeps/s1?q=100%25").await).is_empty(), "a wildcard is a letter like others");
    assert!(browser.get("/sweeps/s1?q=no+such+text").await.says("No job is like that."));
    // Every job is on one page, once.
    let mut seen = Vec::new();
    for page in 1..=20 {
        seen.extend(jobs(&browser.get(&format!("/sweeps/s1?sort=state&page={page}")).await));
    }
    assert_eq!(seen.len(), 960);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 960);
    assert!(browser.get("/sweeps/s1?page=21").await.says("None here, of 960"));
    let backwards = browser.get("/sweeps/s1?desc=1").await;
    assert_eq!(jobs(&backwards)[0], "j960");
    assert!(backwards.says("aria-sort=\"descending\""));
}

#[tokio::test]
async fn results_are_sorted_and_any_two_metrics_make_a_front() {
    let (_site, mut browser) = studied(40).await;
    // Six rows a configuration, and 36 configurations differ.
    let page = browser.get("/sweeps/s1?rsort=size_onnx_bytes").await;
    assert!(points(&page)[0].contains("[s0.90]"), "{:?}", points(&page));
    let largest = browser.get("/sweeps/s1?rsort=size_onnx_bytes&rdesc=1").await;
    assert!(
        points(&largest)[0].starts_with("base ") && points(&largest)[0].contains("width=1.00"),
        "{:?}",
        points(&largest)
    );
    assert_ne!(points(&browser.get("/sweeps/s1?rpage=2").await), points(&page));
    let front = browser.get("/sweeps/s1?x=latency_ms_b1&y=macro_f1&stage=base").await;
    assert!(front.says("Macro F1 against latency (batch 1)") && front.says("Better is left and up."), "{}", front.text);
    assert!(front.says("<input type=\"hidden\" name=\"stage\" value=\"base\">"), "what else is asked stays");
    assert!(browser.get("/sweeps/s1?columns=all").await.says("Show the usual columns"));
}

#[tokio::test]
async fn whatever_an_address_asks_for_is_answered() {
    let (_site, mut browser) = studied(1).await;
    for query in [
        "page=0",
        "page=99999999999999",
        "page=4294967295",
        "page=-1",
        "rpage=4294967295",
        "sort=%27%3B--",
        "state=none",
        "stage=%3Cb%3E",
        "x=nothing&y=nothing",
        "q=%25_%5C",
        "q=j99999999999999999999",
        "q=%3Cscript%3E",
        "rsort=%22",
        "x=accuracy&y=accuracy",
        "attempt=7",
        "point=none",
    ] {
        for path in ["/sweeps/s1", "/jobs/j1"] {
            let page = browser.get(&format!("{path}?{query}")).await;
            assert_eq!(page.status, StatusCode::OK, "{path}?{query}: {}", page.text);
            assert!(obeys_the_policy(&page.text) && !page.says("NaN"), "{path}?{query}");
        }
    }
}

#[tokio::test]
async fn what_names_say_is_text() {
    let (site, mut browser) = studied(1).await;
    let evil = "<script>alert(1)</script>\" onload=\"x";
    let quoted = evil.replace('\'', "''");
    site.sql(&format!("UPDATE sweeps SET name = '{quoted}', plan_yaml = '{quoted}', owner = '{quoted}', paused = 1, paused_reason = '{quoted}'")).await;
    site.sql(&format!("UPDATE job_specs SET stage = '{quoted}' || stage, label = '{quoted}' || label")).await;
    site.sql(&format!("UPDATE jobs SET message = '{quoted}'")).await;
    site.sql(&format!("UPDATE attempts SET message = '{quoted}'")).await;
    site.log(1, 2, evil.as_bytes());
    for path in ["/sweeps/s1", "/sweeps/s1/plan", "/jobs/j1", "/jobs/j20"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(obeys_the_policy(&page.text) && !page.says("\" onload=\""), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn no_page_grows_with_the_sweep() {
    let (_site, mut small) = studied(20).await;
    let (_other, mut large) = studied(200).await;
    for path in ["/sweeps/s1", "/sweeps/s1?columns=all", "/jobs/j1", "/jobs/j40"] {
        let sizes = [small.get(path).await.text.len(), large.get(path).await.text.len()];
        assert!(sizes[1] < 300_000, "{path}: {sizes:?}");
        assert!(sizes[1] < sizes[0] * 5 / 4 + 60_000, "{path}: {sizes:?}");
    }
}
