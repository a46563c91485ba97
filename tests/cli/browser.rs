//! Chromium without a window, for tests of what people see: one for each test, with a profile of its
//! own that goes with it. It finds no host but this machine, so a page that needs another one fails
//! here as it does without the internet.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::extensions::query::ElementPollerWithTimeout;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};

use crate::extent::not_tested;
use crate::shop::{PATIENCE, until};

/// The same program under the names that systems give it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const DRIVER: &str = "chromedriver";

/// The browser, showing one page. It ends when dropped.
pub struct Browser {
    /// For what is not here: elements and how to act on them.
    pub page: WebDriver,
    _driver: Program,
    _chromium: Program,
    _folder: TempDir,
}

/// What a person looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    Desk,
    Phone,
}

impl Screen {
    pub fn width(self) -> u32 {
        match self {
            Self::Desk => 1280,
            Self::Phone => 360,
        }
    }
}

impl Browser {
    /// Starts it; says so when there is none on this machine, where nobody has to test with one.
    pub async fn start() -> Option<Self> {
        let Some(chromium) = NAMES.into_iter().find(|name| is_here(name)).filter(|_| is_here(DRIVER)) else {
            let why = "chromium and chromedriver (Debian's chromium-driver) are not here";
            not_tested("pages in a browser", "RUKO_TEST_NEEDS_BROWSER", why);
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(chromium);
        command.args(["--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
        command.args(["--disable-extensions", "--disable-component-update", "--password-store=basic"]);
        command.args(["--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--remote-debugging-port=0"]);
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        if rustix::process::geteuid().is_root() {
            command.arg("--no-sandbox");
        }
        command.arg("about:blank");
        let mut chromium = Program::start(command, &folder);
        let debugger = chromium.says("DevTools listening on ws://", '/');

        let mut command = Command::new(DRIVER);
        command.arg("--port=0");
        let mut driver = Program::start(command, &folder);
        let port = driver.says("was started successfully on port ", '.');

        let mut wanted = DesiredCapabilities::chrome();
        wanted.set_debugger_address(&debugger).unwrap();
        wanted.set_logging_prefs("browser", LoggingPrefsLogLevel::All).unwrap();
        wanted.set_logging_prefs("performance", LoggingPrefsLogLevel::All).unwrap();
        let poller = ElementPollerWithTimeout::new(PATIENCE, Duration::from_millis(20));
        let builder = WebDriver::builder(format!("http://127.0.0.1:{port}"), wanted);
        let page = builder.poller(Arc::new(poller)).connect().await.unwrap();
        // It ends with its driver; an orderly end takes up to two minutes.
        page.clone().leak().unwrap();
        Some(Self { page, _driver: driver, _chromium: chromium, _folder: folder })
    }

    /// Looks through another screen, by day or by night, from the next page on.
    pub async fn look(&self, screen: Screen, is_dark: bool) {
        let metrics = json!({
            "width": screen.width(), "height": 740, "deviceScaleFactor": 1, "mobile": screen == Screen::Phone
        });
        self.page.cdp().send_raw("Emulation.setDeviceMetricsOverride", metrics).await.unwrap();
        let scheme = json!({"name": "prefers-color-scheme", "value": if is_dark { "dark" } else { "light" }});
        self.page.cdp().send_raw("Emulation.setEmulatedMedia", json!({"features": [scheme]})).await.unwrap();
    }

    /// The element, as soon as it is there to be seen.
    pub async fn see(&self, css: &str) -> WebElement {
        let found = self.page.query(By::Css(css)).and_displayed().first().await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("no {css} to be seen: {error}\n{}", self.text().await),
        }
    }

    /// Clicks the element, as soon as that can be done.
    pub async fn click(&self, css: &str) {
        self.see(css).await.click_when_ready().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// What is written on the page.
    pub async fn text(&self) -> String {
        self.run("return document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    /// Runs a script in the page; gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        let ran = self.page.execute(script, Vec::new()).await;
        ran.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// Waits until an expression is true in the page.
    pub async fn wait_until(&self, expression: &str) {
        let script = format!("return Boolean({expression})");
        until(expression, async || self.run(&script).await == true).await;
    }

    /// Whether the page has to be moved sideways to be read.
    pub async fn is_too_wide_for(&self, screen: Screen) -> bool {
        // A phone shows a page that is too wide in small, so that it fits again.
        let widths = self.run("return [window.innerWidth, document.documentElement.scrollWidth]").await;
        widths != json!([screen.width(), screen.width()])
    }

    /// Addresses that were asked since the last call, those inside of the page itself left out.
    pub async fn requests(&self) -> Vec<String> {
        let log = self.page.get_log("performance").await.unwrap();
        let events = log.iter().map(|entry| serde_json::from_str::<Value>(&entry.message).unwrap());
        let urls = events.filter_map(|event| {
            let url = match event["message"]["method"].as_str()? {
                "Network.requestWillBeSent" => &event["message"]["params"]["request"]["url"],
                "Network.webSocketCreated" => &event["message"]["params"]["url"],
                _ => return None,
            };
            Some(url.as_str()?.to_owned())
        });
        urls.filter(|url| !url.starts_with("data:") && !url.starts_with("blob:")).collect()
    }

    /// Errors and warnings in the console since the last call.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.page.browser_log().await.unwrap();
        let bad = log.into_iter().filter(|entry| ["SEVERE", "WARNING"].contains(&entry.level.as_str()));
        bad.map(|entry| entry.message).collect()
    }
}

fn is_here(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// A program that the test started. It is killed by its id when dropped, also by a panic.
struct Program {
    child: Child,
    /// What it and its own children say; closed when the last of them has ended.
    lines: Receiver<String>,
}

impl Program {
    fn start(mut command: Command, folder: &TempDir) -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        // Whatever it leaves lying about lies there.
        command.env("HOME", folder.path()).env("TMPDIR", folder.path()).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command.spawn().unwrap();
        let (said, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(reader).lines().map_while(Result::ok);
            lines.for_each(|line| _ = said.send(line));
        });
        Self { child, lines }
    }

    /// Waits for words; gives what follows them up to a character.
    fn says(&mut self, words: &str, end: char) -> String {
        let mut log = String::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            if let Some((_, rest)) = line.split_once(words) {
                return rest.split(end).next().unwrap().to_owned();
            }
            log.extend([&line, "\n"]);
        }
        panic!("it never said {words:?}: {log}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its children follow; until then they write into the folder that goes next.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
    }
}
