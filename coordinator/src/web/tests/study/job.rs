use http::StatusCode;

use super::*;

#[tokio::test]
async fn a_job_is_shown_with_its_lineage_curves_and_what_came_out() {
    let (site, mut browser) = studied(40).await;
    // The first lost its agent at epoch 3, and went on on another.
    site.log(1, 2, b"\x1b[32mstep 1\x1b[0m\nstep 2\n");
    let page = browser.get("/jobs/j1").await;
    assert_eq!(page.status, StatusCode::OK);
    for words in [
        "epoch 3 of attempt 1",
        "the agent did not come back",
        "One line over all attempts",
        "It succeeded",
        "id=\"curve-loss-title\"",
        "cat taken for dog: 3 of 10",
        "Most often confused",
        "<td>dog</td><td class=\"number\">3 of 10</td>",
        "step 1\nstep 2\n</pre>",
        "/jobs/j1/file?point=main&amp;name=model.onnx",
        "latency (batch 1)",
        "Memory taken, of what was reserved",
    ] {
        assert!(page.says(words), "{words} in {}", page.text);
    }
    assert!(obeys_the_policy(&page.text) && !page.says("Cancel"), "{}", page.text);
    // A point of several has its own values, and its measure job's.
    let pruned = browser.get("/jobs/j122").await;
    assert!(
        pruned.says("s0.75") && pruned.says("Reads") && pruned.says("Read by") && pruned.says("latency (batch 1)"),
        "{}",
        pruned.text
    );
}

#[tokio::test]
async fn an_older_attempts_log_is_shown_and_not_followed() {
    let (site, mut browser) = studied(2).await;
    site.log(1, 1, b"the first\n");
    site.log(1, 2, &b"x".repeat(100_000));
    let newest = browser.get("/jobs/j1").await;
    assert!(newest.says("The last 24 KiB of 98. ") && newest.says(" data-log"), "{}", newest.text);
    let first = browser.get("/jobs/j1?attempt=1").await;
    assert!(first.says("the first\n</pre>") && !first.says(" data-log"), "{}", first.text);
    let all = browser.get("/jobs/j1/log?attempt=2").await;
    assert_eq!((all.status, all.text.len()), (StatusCode::OK, 100_000));
    assert_eq!(all.header("content-disposition"), "attachment; filename=\"j1-attempt2.log\"");
    assert_eq!(browser.get("/jobs/j1/log?attempt=9").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn files_are_sent_to_be_saved_under_a_harmless_name() {
    let (site, mut browser) = studied(2).await;
    let file = browser.get("/jobs/j1/file?point=main&name=model.onnx").await;
    assert_eq!((file.status, file.text.as_str()), (StatusCode::OK, "no real model"));
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"s1-j1-main-model.onnx\"");
    assert_eq!((file.header("content-type"), file.header("content-length")), ("application/octet-stream", "13"));
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    // Names are a runner's own.
    site.sql("UPDATE point_files SET name = 'a\"; x=\r\n../../é.html' WHERE job = 2 AND name = 'model.onnx'").await;
    let page = browser.get("/jobs/j2").await;
    let link = page.between("href=\"/jobs/j2/file?", "\"").into_iter().find(|link| link.contains("html")).unwrap();
    // A field with control characters is refused at the door.
    let refused = browser.get(&format!("/jobs/j2/file?{}", link.replace("&amp;", "&"))).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    site.sql("UPDATE point_files SET name = 'a\"; x=../../é.html' WHERE job = 2 AND name LIKE '%html'").await;
    let page = browser.get("/jobs/j2").await;
    let link = page.between("href=\"/jobs/j2/file?", "\"").into_iter().find(|link| link.contains("html")).unwrap();
    let sent = browser.get(&format!("/jobs/j2/file?{}", link.replace("&amp;", "&"))).await;
    assert_eq!((sent.status, sent.header("content-type")), (StatusCode::OK, "application/octet-stream"), "{link}");
    assert_eq!(sent.header("content-disposition"), "attachment; filename=\"s1-j2-main-a___x=.._..__.html\"");
}

#[tokio::test]
async fn what_no_job_made_is_not_sent() {
    let (site, mut browser) = studied(2).await;
    for path in [
        "/jobs/j1/file",
        "/jobs/j1/file?name=model.onnx",
        "/jobs/j1/file?point=main&name=..%2F..%2Fsweep.db",
        "/jobs/j1/file?point=s0.50&name=model.onnx",
        "/jobs/j9999/file?point=main&name=model.onnx",
    ] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    // Taken away since.
    std::fs::remove_file(site.api.home.blob(&ContentHash::of(b"no real model"))).unwrap();
    assert_eq!(browser.get("/jobs/j1/file?point=main&name=model.onnx").await.status, StatusCode::NOT_FOUND);
    std::fs::write(site.api.home.blob(&ContentHash::of(EVALUATION.as_bytes())), "no json").unwrap();
    assert_eq!(browser.get("/jobs/j1").await.status, StatusCode::OK, "without its confusion");
}
