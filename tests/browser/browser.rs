//! A browser as people use it: it opens addresses, clicks with a mouse, types, and looks.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sweep_tests::workspace_root;
use tempfile::TempDir;

use crate::pipe::Pipe;

pub struct Browser {
    pipe: Pipe,
    session: String,
    /// Every address that was asked for.
    pub requests: Vec<String>,
    /// What the browser complained of: errors in scripts, whatever the page's own policy forbade.
    pub complaints: Vec<String>,
    /// Its profile; it goes with the browser.
    _folder: TempDir,
}

/// `Promise` that comes true with the condition. What changes in the page is what wakes it.
const UNTIL: &str = "new Promise(done => {
    const look = () => { if (CONDITION) { watcher.disconnect(); done(true); } };
    const watcher = new MutationObserver(look);
    watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    look();
})";

/// The JavaScript for the first element that a selector means.
fn first(selector: &str) -> String {
    format!("document.querySelector({})", json!(selector))
}

impl Browser {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut pipe = Pipe::start(folder.path());
        let target = pipe.call(None, "Target.createTarget", json!({ "url": "about:blank" })).unwrap();
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = pipe.call(None, "Target.attachToTarget", attach).unwrap();
        let session = attached["sessionId"].as_str().expect("a session").to_owned();
        let mut browser = Self { pipe, session, requests: Vec::new(), complaints: Vec::new(), _folder: folder };
        for domain in ["Page", "Network", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.desk();
        browser
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        let answer = self.pipe.call(Some(&self.session), method, params);
        self.note();
        answer
    }

    /// Takes what was told of requests and of troubles out of the events.
    fn note(&mut self) {
        let (requests, complaints) = (&mut self.requests, &mut self.complaints);
        self.pipe.events.retain(|event| {
            let of = &event["params"];
            match event["method"].as_str() {
                Some("Network.requestWillBeSent") => {
                    requests.push(of["request"]["url"].as_str().unwrap_or_default().to_owned());
                }
                Some("Runtime.exceptionThrown") => complaints.push(of["exceptionDetails"].to_string()),
                Some("Log.entryAdded") if of["entry"]["level"] == "error" => complaints.push(of["entry"].to_string()),
                Some("Page.loadEventFired") => return true,
                _ => {}
            }
            false
        });
    }

    /// What was told until now is of another page.
    fn forget(&mut self) {
        self.note();
        self.pipe.events.clear();
    }

    pub fn open(&mut self, address: &str) {
        // The page before it may have told late that it was loaded.
        self.forget();
        let went = self.call("Page.navigate", json!({ "url": address }));
        assert!(went.get("errorText").is_none_or(Value::is_null), "{address}: {went}");
        self.loaded();
    }

    fn loaded(&mut self) {
        self.pipe.event("Page.loadEventFired");
        self.note();
    }

    /// What a piece of JavaScript comes to.
    pub fn look(&mut self, script: &str) -> Value {
        self.try_look(script).unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    fn try_look(&mut self, script: &str) -> Result<Value, String> {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.try_call("Runtime.evaluate", params)?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(details.to_string()),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    pub fn text(&mut self, selector: &str) -> String {
        let script = format!("document.querySelector({})?.innerText ?? '(there is none)'", json!(selector));
        self.look(&script).as_str().unwrap_or_default().to_owned()
    }

    pub fn count(&mut self, selector: &str) -> u64 {
        self.look(&format!("document.querySelectorAll({}).length", json!(selector))).as_u64().unwrap_or(0)
    }

    pub fn path(&mut self) -> String {
        self.look("location.pathname + location.search").as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a condition holds in the page, without loading it anew.
    pub fn until(&mut self, condition: &str) {
        self.look(&UNTIL.replace("CONDITION", condition));
    }

    /// Where the middle of an element is, brought into view. The element is a piece of JavaScript, so that one look does it all: a
    /// page that follows the work is another one in the next moment.
    fn middle(&mut self, element: &str) -> (f64, f64) {
        let script = format!(
            "(() => {{ const it = {element}; if (!it) return null; it.scrollIntoView({{ block: 'center' }});
               const box = it.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        );
        let at = self.look(&script);
        assert!(at.is_array(), "there is no {element} in {}: {}", self.path(), self.text("main"));
        (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())
    }

    pub fn hover(&mut self, selector: &str) {
        let (x, y) = self.middle(&first(selector));
        self.call("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y }));
    }

    pub fn click(&mut self, selector: &str) {
        self.click_on(&first(selector));
    }

    fn click_on(&mut self, element: &str) {
        let (x, y) = self.middle(element);
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let params = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.call("Input.dispatchMouseEvent", params);
        }
    }

    /// Clicks what leads to another page, and waits for that.
    pub fn follow(&mut self, selector: &str) {
        self.follow_on(&first(selector));
    }

    /// The same for the first element of a kind that bears these words, as people find it.
    pub fn follow_words(&mut self, kind: &str, words: &str) {
        let (kind, words) = (json!(kind), json!(words));
        self.follow_on(&format!(
            "[...document.querySelectorAll({kind})].find(it => it.textContent.trim().includes({words}))"
        ));
    }

    fn follow_on(&mut self, element: &str) {
        self.forget();
        self.click_on(element);
        self.loaded();
    }

    /// Presses Enter in the field that has the focus, and waits for the page that its form leads to.
    pub fn enter(&mut self) {
        self.forget();
        self.press("Enter");
        self.loaded();
    }

    /// Puts text into a field, in place of what it holds.
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector);
        self.look(&format!("document.querySelector({}).select?.()", json!(selector)));
        self.call("Input.insertText", json!({ "text": text }));
    }

    pub fn choose(&mut self, selector: &str, value: &str) {
        let script = format!(
            "(() => {{ const it = document.querySelector({}); it.value = {}; it.dispatchEvent(new Event('change', {{ bubbles: true }}));
               return it.value; }})()",
            json!(selector),
            json!(value)
        );
        assert_eq!(self.look(&script), json!(value), "{selector}");
    }

    /// One key, as `Tab` or `Enter`.
    pub fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            _ => 27,
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    pub fn desk(&mut self) {
        self.size(1200, 900, false);
    }

    pub fn phone(&mut self) {
        self.size(390, 844, true);
    }

    fn size(&mut self, width: u32, height: u32, mobile: bool) {
        let params = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", params);
    }

    pub fn dark(&mut self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The whole page as a picture, kept in `target/tmp/browser` for people to look at.
    pub fn picture(&mut self, name: &str) -> PathBuf {
        let folder = workspace_root().join("target/tmp/browser");
        std::fs::create_dir_all(&folder).expect("target can be written to");
        let taken = self.call("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true }));
        let bytes = STANDARD.decode(taken["data"].as_str().expect("a picture")).expect("base64");
        let path = folder.join(format!("{name}.png"));
        std::fs::write(&path, bytes).expect("the picture is written");
        path
    }

    /// Findings of axe-core that keep people out: those that it calls serious or critical, in words.
    pub fn barriers(&mut self) -> Vec<String> {
        let script =
            std::fs::read_to_string(workspace_root().join(".axe/axe.min.js")).expect("scripts/need-browser.sh ran");
        self.look(&format!("{script}; true"));
        let found = self.look("axe.run().then(all => all.violations.map(v => [v.impact, v.id, v.help, v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | ')]))");
        let serious = |finding: &&Value| finding[0] == "serious" || finding[0] == "critical";
        found.as_array().expect("a list").iter().filter(serious).map(Value::to_string).collect()
    }

    /// Whether something sticks out to the right: people would have to scroll sideways.
    pub fn is_too_wide(&mut self) -> bool {
        self.look("document.documentElement.scrollWidth > innerWidth") == true
    }
}
