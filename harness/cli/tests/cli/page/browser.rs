//! Chromium without a window, driven over its DevTools protocol: JSON messages, each ended by a zero byte, on the browser's
//! descriptors 3 and 4. A shell opens these from two FIFOs, so that no port and no crate is needed.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The names under which Chromium is looked for on PATH.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// How long an answer may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(120);
/// The sandbox wants a user of its own; the pages are ours. A page from disk may not read the clipboard or anything else.
const FLAGS: [&str; 8] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--force-device-scale-factor=1",
];

/// A running browser with one page. Ended when dropped.
pub(super) struct Browser {
    child: Child,
    input: File,
    messages: Receiver<Value>,
    /// Events that came while an answer was waited for.
    events: Vec<Value>,
    session: String,
    next: u64,
    _folder: TempDir,
}

/// The program, or a message that says how to get it.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = NAMES.iter().flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name))).find(|file| file.is_file());
    found.unwrap_or_else(|| {
        panic!("the page is tested in Chromium, and none of {NAMES:?} is on PATH\n  cure: apt-get install chromium (Debian), or put Chrome on PATH")
    })
}

impl Browser {
    /// Starts the browser with a window of this size, in pixels.
    pub(super) fn new(width: u32, height: u32) -> Browser {
        let program = program();
        let folder = tempfile::tempdir().expect("make a folder");
        let fifo = |name: &str| {
            let path = folder.path().join(name);
            let made = Command::new("mkfifo").arg(&path).status().expect("start mkfifo");
            assert!(made.success(), "mkfifo {}", path.display());
            path
        };
        let (to, from) = (fifo("to"), fifo("from"));
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 3<\"$TO\" 4>\"$FROM\""]).arg(program).args(FLAGS);
        command.arg(format!("--window-size={width},{height}")).arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.env("TO", &to).env("FROM", &from).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("start sh");
        // in the order in which the shell opens them
        let input = File::options().write(true).open(&to).expect("open the FIFO to the browser");
        let output = File::open(&from).expect("open the FIFO from the browser");
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("the browser sends JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Browser { child, input, messages, events: Vec::new(), session: String::new(), next: 0, _folder: folder };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Calls a method and waits for its answer.
    pub(super) fn call(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.input.write_all(format!("{message}\0").as_bytes()).expect("write to the browser");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut message = self.message(deadline, method);
            if message["id"] == json!(self.next) {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    fn message(&mut self, deadline: Instant, what: &str) -> Value {
        match self.messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => panic!("the browser did not answer {what}"),
            Err(RecvTimeoutError::Disconnected) => {
                panic!("the browser ended at {what}; does `chromium --headless=new --no-sandbox` start?")
            }
        }
    }

    /// Opens a file of this machine and waits until it is shown.
    pub(super) fn open(&mut self, file: &Path, fragment: &str) {
        // a fragment alone would be no navigation
        self.call("Page.navigate", json!({"url": "about:blank"}));
        self.events.clear();
        let answer = self.call("Page.navigate", json!({"url": format!("file://{}{fragment}", file.display())}));
        assert!(answer["errorText"].is_null(), "{answer}");
        self.until("performance.getEntriesByName('ready').length === 1");
    }

    /// The value of an expression.
    pub(super) fn value(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    pub(super) fn text(&mut self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    pub(super) fn until(&mut self, expression: &str) {
        let start = Instant::now();
        while self.value(expression) != json!(true) {
            if start.elapsed() > PATIENCE {
                let complaints = self.complaints();
                panic!("never: {expression}\n{complaints:?}\n{}", self.text("document.querySelector('main')?.innerText.slice(0, 2000)"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses a key: `Enter`, `ArrowDown`, `a`.
    pub(super) fn press(&mut self, key: &str) {
        let text = match key {
            "Enter" => "\r",
            " " => " ",
            letter if letter.chars().count() == 1 => letter,
            _ => "",
        };
        let code = match key {
            "Enter" => 13,
            "Tab" => 9,
            "Escape" => 27,
            " " => 32,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 0,
        };
        let down = json!({"type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": key, "text": text, "windowsVirtualKeyCode": code});
        self.call("Input.dispatchKeyEvent", down);
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
    }

    /// What went wrong since the page was opened: exceptions, errors on the console, requests for anything but the page itself.
    pub(super) fn complaints(&mut self) -> Vec<String> {
        self.value("1");
        let is_complaint = |event: &&Value| match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" | "Page.javascriptDialogOpening" => true,
            "Runtime.consoleAPICalled" => event["params"]["type"] == "error",
            "Log.entryAdded" => event["params"]["entry"]["level"] == "error",
            "Network.requestWillBeSent" => {
                let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
                !["file://", "data:", "about:"].iter().any(|start| url.starts_with(start))
            }
            _ => false,
        };
        self.events.iter().filter(is_complaint).map(|event| event["params"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // it may be gone already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
