//! `index.html` in a browser, from disk, as a reader has it.

mod browser;
#[path = "../../../../../reports/tests/page/synthetic.rs"]
mod synthetic;

use std::path::Path;

use browser::Browser;
use serde_json::json;
use synthetic::Run;

use crate::support::{OwnSuite, touchstone};

/// Each filter is measured so often, and its best time counts: the machine may have much else to do.
const ROUNDS: usize = 3;
/// Bytes of the page of a real run.
const MOST_BYTES: u64 = 15_000_000;

/// A run of a part of the suite on these runtimes, in which a fault is planted, with its report in a folder.
fn real_run(folder: &Path, flags: &[&str]) -> std::path::PathBuf {
    let path = folder.display().to_string();
    let mut args = vec!["conformance", "--filter", "^files/seek|^links/", "--report", &path];
    args.extend(["--runtime", "oracle", "--runtime", "wasmtime", "--runtime", "wasmer"]);
    args.extend(flags);
    touchstone(&args);
    let page = folder.join("index.html");
    let bytes = page.metadata().expect("a page").len();
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
    page
}

/// The ids of the rows of the grid that are shown.
fn rows(browser: &mut Browser) -> Vec<String> {
    let value = browser.value("[...document.querySelectorAll('.rows > .row')].map((row) => row.dataset.key)");
    value.as_array().into_iter().flatten().filter_map(|key| key.as_str()).map(str::to_owned).collect()
}

/// How many cases fit the filters, of which the grid makes the rows that can be seen.
fn count(browser: &mut Browser) -> usize {
    let text = browser.text("document.querySelector('#count').textContent");
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number in {text:?}"))
}

/// Where the page is.
fn fragment(browser: &mut Browser) -> String {
    browser.text("location.hash")
}

fn is_sound(browser: &mut Browser) {
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_real_page_is_read_with_a_mouse_and_with_keys() {
    let folder = tempfile::tempdir().expect("make a folder");
    let page = real_run(folder.path(), &[]);
    let mut browser = Browser::new(1280, 900);
    browser.open(&page, "");
    let load = browser.value("performance.getEntriesByName('ready')[0].startTime").as_f64().expect("a time");
    eprintln!("a page of {} bytes is there after {load:.0} ms", page.metadata().expect("a page").len());
    assert_eq!(rows(&mut browser), ["files", "links"]);

    filters_choose_cases(&mut browser);
    a_case_opens_and_shows_what_differs(&mut browser);
    a_permalink_leads_to_the_same(&mut browser, &page);
    keys_open_rows_and_lead_back(&mut browser, &page);
    every_view_shows_something(&mut browser);
    is_sound(&mut browser);
}

fn filters_choose_cases(browser: &mut Browser) {
    browser.value("document.querySelector('#views a[href*=\"/cases\"]').click()");
    browser.until("document.querySelector('#count').textContent.includes('case')");
    let all = count(browser);
    browser.value("document.querySelector('details.menu[data-key=verdict]').open = true");
    browser.value("document.querySelector('input[name=verdict][value=known]').click()");
    browser.value("document.querySelector('input[name=runtime][value=wasmer]').click()");
    let known = count(browser);
    assert!(known > 0 && known < all, "{known} of {all}");
    assert!(fragment(browser).contains("runtime=wasmer&verdict=known"), "{}", fragment(browser));
    let heads = browser.value("document.querySelectorAll('.row.head .cell').length");
    assert_eq!(heads, 2, "a runtime that is not chosen has a column");
    browser.value("document.querySelector('input[name=function][value=fd_seek]').click()");
    let of_seek = rows(browser);
    assert!(of_seek.iter().all(|id| id.starts_with("files/")), "{of_seek:?}");
    assert_eq!(of_seek.len(), count(browser), "each of a few cases has its row");
    browser.value("document.querySelector('input[name=authority][value=open]').click()");
    assert!(count(browser) < of_seek.len());
    browser.value("document.querySelector('#filters > button').click()");
    assert_eq!(count(browser), all);
    assert_eq!(fragment(browser), "#/cases");
}

fn a_case_opens_and_shows_what_differs(browser: &mut Browser) {
    browser.value("document.querySelector('#search').focus()");
    "negative".chars().for_each(|letter| browser.press(&letter.to_string()));
    assert!(fragment(browser).ends_with("q=negative"));
    browser.value("[...document.querySelectorAll('.rows a')].find((link) => link.textContent === 'files/seek-negative').click()");
    browser.until("document.querySelector('h2.statement') !== null && document.querySelectorAll('.call').length > 5");
    let text = browser.text("document.querySelector('main').innerText");
    for part in [
        "a seek to before the start fails",
        "fd_seek.negative-result",
        "posix",
        "fd_seek(fd: #1, offset: -6, whence: end)",
        "not permitted",
        "must be inval",
        "cargo xtask explain files/seek-negative",
        "As before.",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let marked = browser.value("document.querySelectorAll('.call.rejected').length");
    assert_eq!(marked, 3, "wasmer departs in three calls");
    assert!(browser.value("document.querySelectorAll('.t-string').length").as_u64() > Some(0), "the source has colours");
    let wat = "(() => { const item = [...document.querySelectorAll('details')].find((item) => item.textContent.includes('as WAT')); item.open = true; })()";
    browser.value(wat);
    browser.until("document.querySelector('main').innerText.includes('(module')");
}

fn a_permalink_leads_to_the_same(browser: &mut Browser, page: &Path) {
    let (hash, text) = (fragment(browser), browser.text("document.querySelector('.verdicts').innerText"));
    browser.open(page, &hash);
    assert_eq!(browser.text("document.querySelector('.verdicts').innerText"), text);
    assert_eq!(browser.text("document.querySelector('#search').value"), "negative");
    is_sound(browser);
}

/// The key of the row that has the keyboard.
fn focused(browser: &mut Browser) -> String {
    browser.text("document.activeElement.dataset.key")
}

fn keys_open_rows_and_lead_back(browser: &mut Browser, page: &Path) {
    browser.open(page, "");
    // the first row is reached by the tabulator alone
    for _ in 0..40 {
        browser.press("Tab");
        if focused(browser) == "files" {
            break;
        }
    }
    assert_eq!(focused(browser), "files");
    let outline = browser.text("getComputedStyle(document.activeElement).outlineStyle");
    assert_ne!(outline, "none", "the focus can be seen");
    browser.press("ArrowRight");
    assert_eq!(browser.text("document.activeElement.getAttribute('aria-expanded')"), "true");
    browser.press("ArrowDown");
    let function = focused(browser);
    browser.press("Enter");
    browser.press("ArrowRight");
    browser.press(" ");
    browser.press("ArrowDown");
    let case = focused(browser);
    assert_eq!(case.split('>').count(), 4, "{case}");
    browser.press("Enter");
    browser.until("document.querySelector('h2.statement') !== null");
    assert!(fragment(browser).starts_with("#/case/files/"), "{}", fragment(browser));
    browser.press("Escape");
    browser.until("document.querySelector('.grid') !== null");
    assert_eq!(focused(browser), case, "the list comes back as it was left");
    browser.press("ArrowLeft");
    browser.press("ArrowLeft");
    browser.press("ArrowLeft");
    assert_eq!(focused(browser), function);
    browser.press("/");
    assert_eq!(browser.text("document.activeElement.id"), "search");
}

fn every_view_shows_something(browser: &mut Browser) {
    for (view, text) in [
        ("clauses", "fd_seek"),
        ("divergences", "Bugs of runtimes"),
        ("divergence/wasmer-failed-seek-moves-offset", "On record for"),
        ("ambiguities", "Success and failure alike"),
        ("coverage", "clauses-cited"),
        ("changes", "--baseline"),
        ("clause/fd_seek.negative-result", "Cases that cite it"),
        ("case/no/such", "There is no case of this name"),
    ] {
        browser.value(&format!("location.hash = '#/{view}'"));
        browser.until(&format!("document.querySelector('main').innerText.includes({})", json!(text)));
    }
}

#[test]
fn two_thousand_cases_on_twelve_runtimes_are_filtered_at_once() {
    // how long it takes is printed (200 ms are wanted); what is asserted is that the work does not grow with the cases
    let folder = tempfile::tempdir().expect("make a folder");
    let page = folder.path().join("index.html");
    std::fs::write(&page, Run::new(2_000, 12).page()).expect("write the page");
    let mut browser = Browser::new(1280, 900);
    browser.open(&page, "#/cases");
    let load = browser.value("performance.getEntriesByName('ready')[0].startTime").as_f64().expect("a time");
    // from the event to the finished layout
    let measure = |change: &str| {
        format!(
            "(() => {{ const start = performance.now(); {change}; document.body.getBoundingClientRect(); document.querySelector('.gridscroll')?.getBoundingClientRect(); return performance.now() - start; }})()"
        )
    };
    let search =
        |text: &str| format!("const box = document.querySelector('#search'); box.value = {text:?}; box.dispatchEvent(new Event('input'))");
    let click = |name: &str, value: &str| format!("document.querySelector('input[name=\"{name}\"][value=\"{value}\"]').click()");
    let steps = [
        ("search, the first time", search("property-13 runtime 3")),
        ("search", search("property-1")),
        ("search for nothing", search("")),
        ("runtime", click("runtime", "runtime-7")),
        ("verdict", click("verdict", "failed")),
        ("function", click("function", "fd_seek")),
        ("authority", click("authority", "posix")),
    ];
    let mut slowest = 0.0_f64;
    for view in ["cases", "matrix", "clauses", "ambiguities", "coverage"] {
        let mut best = [f64::INFINITY; 7];
        for _ in 0..ROUNDS {
            browser.open(&page, &format!("#/{view}"));
            for (best, (_, step)) in best.iter_mut().zip(&steps) {
                *best = best.min(browser.value(&measure(step)).as_f64().expect("a time"));
            }
        }
        steps.iter().zip(best).for_each(|((name, _), time)| eprintln!("{view}: {name}: {time:.1} ms"));
        slowest = best.into_iter().fold(slowest, f64::max);
    }
    eprintln!("2,000 cases on 12 runtimes: there after {load:.0} ms, the slowest filter takes {slowest:.1} ms");
    browser.open(&page, "#/cases");
    assert!(browser.value("document.querySelectorAll('.rows > .row').length").as_u64() < Some(100), "rows are made that nobody sees");
    is_sound(&mut browser);
}

#[test]
fn nothing_that_a_run_shows_becomes_part_of_the_page() {
    let hostile = "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>\u{202e}";
    let mut run = Run::new(2, 3);
    for case in &mut run.results {
        case.summary = hostile.to_owned();
        for shown in &mut case.shown {
            shown.stdout = hostile.to_owned();
            shown.calls[0].question = hostile.to_owned();
            shown.calls[1].answer = hostile.to_owned();
            shown.changes[0].0 = hostile.to_owned();
        }
    }
    run.clauses.iter_mut().for_each(|clause| clause.note = hostile.to_owned());
    let folder = tempfile::tempdir().expect("make a folder");
    let page = folder.path().join("index.html");
    std::fs::write(&page, run.page()).expect("write the page");
    let mut browser = Browser::new(1280, 900);
    let id = run.results[0].id.clone();
    let clause = run.results[0].clauses[0].clone();
    for fragment in [
        "#/matrix".to_owned(),
        "#/cases".to_owned(),
        format!("#/case/{id}"),
        format!("#/clause/{clause}"),
        "#/case/%3Cimg%20src=x%20onerror=window.pwned=1%3E".to_owned(),
        "#/case/%ff?q=%".to_owned(),
    ] {
        browser.open(&page, &fragment);
        assert_eq!(
            browser.value("window.pwned === undefined && document.querySelectorAll('main img, main script').length === 0"),
            true,
            "{fragment}"
        );
        is_sound(&mut browser);
    }
    browser.open(&page, &format!("#/case/{id}"));
    assert!(browser.text("document.querySelector('main').textContent").contains(hostile), "it is shown as it is");
}

#[test]
fn nothing_is_wider_than_a_phone() {
    let folder = tempfile::tempdir().expect("make a folder");
    let page = real_run(folder.path(), &[]);
    let mut browser = Browser::new(500, 844);
    browser.call("Emulation.setDeviceMetricsOverride", json!({"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true}));
    let wasmer = "divergence/wasmer-failed-seek-moves-offset";
    for view in [
        "matrix",
        "cases",
        "clauses",
        "divergences",
        wasmer,
        "ambiguities",
        "coverage",
        "changes",
        "case/files/seek-negative",
        "clause/fd_seek.negative-result",
    ] {
        browser.open(&page, &format!("#/{view}"));
        let width = browser.value("document.documentElement.scrollWidth");
        assert_eq!(width, 390, "{view} is {width} pixels wide");
        is_sound(&mut browser);
    }
}

#[test]
fn what_changed_since_a_baseline_is_shown() {
    let case = |errno: &str| format!("#! summary = \"s\"\n#! clauses = [\"fd_read.bad-fd\"]\nfd_read(99, 1) = {errno}\n");
    let suite = OwnSuite::new(&[("a/case.script", &case("badf"))]);
    let folder = tempfile::tempdir().expect("make a folder");
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let run = |report: &Path, flags: &[&str], code: i32| {
        let report = report.display().to_string();
        let mut all = vec!["--runtime", "wasmi", "--report", &report];
        all.extend(flags);
        suite.run(&all).expect(code);
    };
    run(&old, &["--plant", "wrong-errno"], 1);
    run(&new, &["--baseline", &old.join("report.json").display().to_string()], 0);
    let mut browser = Browser::new(1280, 900);
    browser.open(&new.join("index.html"), "#/changes");
    let text = browser.text("document.querySelector('main').innerText");
    assert!(text.contains("Fixed (1)") && text.contains("a/case") && text.contains("Broken (0)"), "{text}");
    is_sound(&mut browser);
    let missing = touchstone(&["conformance", "--report", &new.display().to_string(), "--baseline", "/no/such.json"]).expect(2).err;
    assert!(missing.contains("/no/such.json cannot be read") && missing.contains("--report"), "{missing}");
}
