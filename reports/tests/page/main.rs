//! The page of a run: its data, what must not be in it, and that its colours can be read.

mod contrast;
mod synthetic;

use serde_json::Value;
use synthetic::Run;
use touchstone_model::coverage::Cells;
use touchstone_reports::WITHHELD;
use touchstone_reports::page::{self, PageContext};

/// The JSON in the elements of a page that begin like this.
fn data(page: &str, start: &str) -> Vec<Value> {
    let blocks = page.split(start).skip(1).map(|rest| rest.split_once("</script>").expect("an end").0);
    blocks.map(|text| serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))).collect()
}

fn overview(page: &str) -> Value {
    data(page, "<script type=\"application/json\" id=\"overview\">").remove(0)
}

fn blocks(page: &str) -> Vec<Value> {
    data(page, "<script type=\"application/json\" class=\"block\">")
}

#[test]
fn the_data_of_a_small_run_is_as_reviewed() {
    let mut run = Run::new(2, 3);
    run.clauses.retain(|clause| run.results.iter().any(|case| case.clauses.contains(&clause.id)));
    let page = run.page();
    insta::assert_snapshot!("overview", serde_json::to_string_pretty(&overview(&page)).expect("JSON"));
    insta::assert_snapshot!("block", serde_json::to_string_pretty(&blocks(&page)).expect("JSON"));
}

#[test]
fn what_runs_have_in_common_stands_once() {
    let mut run = Run::new(1, 4);
    let mut own = run.results[0].shown[0].clone();
    own.calls[5].answer = "another".to_owned();
    run.results[0].shown = vec![run.results[0].shown[0].clone(), own];
    let block = blocks(&run.page()).remove(0);
    assert_eq!(block["calls"].as_array().map(Vec::len), Some(12 + 1));
    let runs = block["cases"][0]["runs"].as_array().expect("runs");
    assert_eq!(runs[0]["calls"][4], runs[1]["calls"][4]);
    assert_ne!(runs[0]["calls"][5], runs[1]["calls"][5]);
}

#[test]
fn hostile_text_stays_text() {
    let hostile = "</script><script>pwned()</script><!--<img src=x onerror=pwned()>]]>\u{2028}'\"`${pwned()}&lt;{{ 7 * 7 }}";
    let harmless = Run::new(1, 2).page();
    let mut run = Run::new(1, 2);
    let case = &mut run.results[0];
    case.summary = hostile.to_owned();
    case.shown[0].stdout = hostile.to_owned();
    case.shown[0].calls[0].question = hostile.to_owned();
    case.shown[0].changes[0].0 = hostile.to_owned();
    let mut report = run.report();
    report.runtimes[0].version = hostile.to_owned();
    report.reference = hostile.to_owned();
    report.errors.push(touchstone_reports::CaseError { case: hostile.to_owned(), message: hostile.to_owned() });
    let context =
        PageContext { sources: &[], clauses: &run.clauses, divergences: &[], universe: &Cells::default(), baseline: None, flags: hostile };
    let page = page::page(&report, &run.results, &context).expect("a page");
    for mark in ["<script", "</script", "<!--", "<img"] {
        assert_eq!(page.matches(mark).count(), harmless.matches(mark).count(), "{mark}");
    }
    assert_eq!(overview(&page)["cases"][0]["summary"], hostile);
    assert_eq!(overview(&page)["flags"], hostile);
    let strings = blocks(&page)[0]["strings"].clone();
    assert!(strings.as_array().is_some_and(|strings| strings.contains(&Value::String(hostile.to_owned()))));
}

#[test]
fn what_is_withheld_is_counted_on_the_page() {
    let run = Run::new(2, 3);
    let mut report = run.report();
    report.withheld.insert("runtime-1".to_owned(), 4);
    let context =
        PageContext { sources: &[], clauses: &run.clauses, divergences: &[], universe: &Cells::default(), baseline: None, flags: "" };
    let page = page::page(&report, &run.results, &context).expect("a page");
    assert!(page.contains("4 cases escaped on runtime-1") && page.contains(WITHHELD.split('\'').next().expect("a text")));
    assert!(!run.page().contains("cases escaped on"));
}

#[test]
fn the_same_results_give_the_same_page_apart_from_timing() {
    let run = Run::new(30, 3);
    let timed = |seconds: f64| {
        let mut report = run.report();
        report.timing.wall_s = seconds;
        let context =
            PageContext { sources: &[], clauses: &run.clauses, divergences: &[], universe: &Cells::default(), baseline: None, flags: "" };
        page::page(&report, &run.results, &context).expect("a page")
    };
    assert_eq!(timed(1.0), timed(1.0));
    let without = |page: String, time: &str| page.replace(&format!("<span id=\"timing\">{time} s</span>"), "");
    assert_eq!(without(timed(1.0), "1.0"), without(timed(22.5), "22.5"));
}

#[test]
fn the_page_asks_no_network_for_anything() {
    let page = Run::new(1, 2).page();
    assert!(page.contains("default-src 'none'"));
    for mark in ["src=\"http", "href=\"http", "@import", "url(", "fetch(", "import("] {
        assert!(!page.contains(mark), "{mark}");
    }
}
