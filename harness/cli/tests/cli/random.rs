//! `fuzz` and `mutants`: random scripts against runtimes, and against planted faults.

use std::path::{Path, PathBuf};
use std::process::Command;

use touchstone_cli::places;
use touchstone_runtimes::runtimes;

use crate::support::{Ran, touchstone};

const MUTANTS: &str = env!("CARGO_BIN_EXE_touchstone-mutants");

fn mutants(flags: &[&str]) -> Ran {
    Ran::of(&Command::new(MUTANTS).args(flags).output().expect("start touchstone-mutants"))
}

#[test]
fn the_reference_departs_from_nothing() {
    let out = touchstone(&["fuzz", "--runtime", "oracle", "--cases", "150", "--seed", "5"]).expect(0).out;
    assert!(out.starts_with("seed 5: 150 scripts, ") && out.contains("; 0 findings are known, 0 are new"), "{out}");
}

#[test]
fn a_runtime_that_does_nothing_is_found_out_in_few_calls() {
    let ran = touchstone(&["fuzz", "--runtime", "nosys", "--cases", "10", "--seed", "5"]).expect(1);
    assert!(ran.out.contains("or a smaller one that shows the same") && ran.out.contains("saw nosys"), "{}", ran.out);
    let smallest = ran.out.split("or a smaller one that shows the same\n").nth(1).expect("a script");
    let calls =
        smallest.lines().take_while(|line| line.starts_with("    ")).filter(|line| !line.starts_with("    #!") && !line.trim().is_empty());
    assert!(calls.count() <= 1, "one call is enough\n{smallest}");
}

#[test]
fn what_a_divergence_file_tells_is_only_counted() {
    let out = touchstone(&["fuzz", "--runtime", "wasmtime", "--cases", "40", "--seed", "1"]).expect(0).out;
    let head = out.lines().next().expect("a first line");
    let known: Vec<&str> = out.lines().filter(|line| line.contains(" times ")).collect();
    assert!(!known.is_empty(), "a known difference turns up in 40 scripts\n{out}");
    assert!(head.ends_with(&format!("; {} findings are known, 0 are new", known.len())), "{out}");
    for line in known {
        let id = line.rsplit(": ").next().unwrap_or_default();
        let file = places::root().join("suites/preview1/divergences").join(id).with_extension("toml");
        assert!(line.contains(" times wasmtime ") && file.exists(), "{line}");
    }
}

/// The folder of the one finding that random scripts show on a control.
fn finding_of_badf(findings: &Path) -> PathBuf {
    touchstone(&["fuzz", "--runtime", "badf", "--cases", "3", "--seed", "5", "--findings", findings.to_str().expect("a path")]).expect(1);
    std::fs::read_dir(findings).expect("findings").next().expect("one").expect("an entry").path()
}

#[test]
fn a_new_finding_is_a_folder_that_shows_it_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let finding = finding_of_badf(folder.path());
    let text = |name: &str| std::fs::read_to_string(finding.join(name)).expect(name);
    assert!(text("repro.wat").lines().count() <= 25, "{}", text("repro.wat"));
    let readme = text("README.md");
    assert!(readme.starts_with("# badf: ") && readme.contains("badf: failed") && readme.contains("oracle: pass"), "{readme}");
    assert!(!readme.contains('\u{1b}'), "no colours in a file");
    let id = finding.file_name().and_then(|name| name.to_str()).expect("a name");
    let suite = finding.join("case");
    let suite = suite.to_str().expect("a path");
    touchstone(&["conformance", "--suite", suite, "--runtime", "badf", "--filter", id]).expect(1);
    touchstone(&["conformance", "--suite", suite, "--runtime", "oracle", "--filter", id]).expect(0);
}

#[test]
fn a_finding_becomes_a_case_and_a_divergence_that_explains_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let [findings, suite] = ["findings", "suite"].map(|name| folder.path().join(name).to_str().expect("a path").to_owned());
    touchstone(&["fuzz", "--runtime", "badf", "--cases", "1", "--seed", "5", "--no-shrink", "--findings", &findings]).expect(1);
    let finding = std::fs::read_dir(&findings).expect("findings").next().expect("one").expect("an entry").path();
    let finding = finding.to_str().expect("a path");
    std::fs::create_dir(&suite).expect("a suite");
    let promote = ["promote", finding, "--case", "files/new", "--slug", "new", "--suite", &suite];
    let said = touchstone(&promote).expect(0).out;
    assert!(said.contains("files/new.script") && said.contains("divergences/new.toml") && said.contains("[[clause]]"), "{said}");
    touchstone(&["conformance", "--suite", &suite, "--runtime", "badf"]).expect(0);
    touchstone(&["conformance", "--suite", &suite, "--runtime", "nosys"]).expect(1);
    assert!(touchstone(&promote).expect(2).err.contains("is there already"));
    for flags in [["--case", "../../x/y"], ["--case", "bad"], ["--slug", "../evil"]] {
        let ran = touchstone(&[&["promote", finding, "--suite", &suite], &flags[..]].concat()).expect(2);
        assert!(ran.err.contains(&format!("`{}` is no name", flags[1])), "{}", ran.err);
    }
    assert!(touchstone(&["promote", finding, "--suite", "/nowhere"]).expect(2).err.contains("there is no suite folder /nowhere"));
    assert!(touchstone(&["promote", "nowhere"]).expect(2).err.contains("there is no finding nowhere"));
}

#[test]
fn a_finding_whose_script_leaves_another_runtimes_sandbox_is_not_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("a path");
    let night = folder.path().join("night/fuzz.json");
    let flags = ["fuzz", "--runtime", "badf", "--cases", "3", "--seed", "5", "--findings", path, "--plant", "touched-canary", "--json"];
    let ran = touchstone(&[&flags[..], &[night.to_str().expect("a path")]].concat()).expect(1);
    assert!(ran.out.contains("which is not shown: it gets out of a sandbox") && !ran.out.contains("#!"), "{}", ran.out);
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&night).expect("a file")).expect("JSON");
    let finding = &json["findings"][0];
    assert_eq!([&finding["about"], &finding["permitted"]], [&serde_json::json!(""); 2], "{finding}");
    assert_eq!((&finding["clauses"], &finding["withheld"]), (&serde_json::json!([]), &true.into()), "{finding}");
    let told = touchstone(&["trend", path]).expect(0).out;
    assert!(told.contains("3 times, which is not shown: its script may get out of a sandbox\n"), "{told}");
    std::fs::remove_dir_all(folder.path().join("night")).expect("remove it");
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0, "no folder of a finding");
}

#[test]
fn what_came_of_a_campaign_is_there_for_machines() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fuzz.json");
    let flags = ["fuzz", "--runtime", "wasmtime", "--runtime", "wasmi", "--cases", "160", "--seed", "1", "--json"];
    touchstone(&[&flags[..], &[path.to_str().expect("a path")]].concat()).expect(0);
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a file")).expect("JSON");
    assert_eq!((&json["schema"], &json["cases"]), (&1.into(), &160.into()));
    for runtime in json["runtimes"].as_array().expect("runtimes") {
        assert_eq!(runtime["runs"], 160, "each has really run\n{runtime}");
        assert!(runtime["calls"].as_u64() > Some(2000) && runtime["succeeded"].as_u64() > Some(1000), "{runtime}");
    }
    let pair = &json["pairs"][0];
    let looked_at: u64 = ["same", "permitted", "departed"].iter().filter_map(|how| pair[how].as_u64()).sum();
    assert_eq!((looked_at, &pair["runtimes"]), (11, &serde_json::json!(["wasmtime", "wasmi"])));
    assert!(json["features"].as_u64() > Some(100), "{}", json["features"]);
}

#[test]
fn without_a_name_scripts_are_played_on_the_runtimes_of_this_program_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fuzz.json");
    touchstone(&["fuzz", "--cases", "1", "--seed", "1", "--json", path.to_str().expect("a path")]).expect(0);
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a file")).expect("JSON");
    let names: Vec<&str> = json["runtimes"].as_array().expect("runtimes").iter().filter_map(|runtime| runtime["name"].as_str()).collect();
    assert_eq!(names, ["oracle", "wasmtime", "wasmi", "wasmer"]);
}

#[test]
fn what_cannot_be_written_is_said_before_hours_have_gone() {
    for flags in [["--json", "/proc/nowhere/fuzz.json"], ["--findings", "/proc/findings"]] {
        let ran = touchstone(&[&["fuzz", "--runtime", "badf", "--cases", "3"], &flags[..]].concat()).expect(2);
        assert!(ran.err.contains(&format!("nothing can be written to {}", flags[1])) && ran.out.is_empty(), "{}", ran.err);
    }
}

#[test]
fn a_finding_says_how_to_see_it_by_hand_and_of_which_versions_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let finding = finding_of_badf(folder.path());
    let text = |name: &str| std::fs::read_to_string(finding.join(name)).expect(name);
    let (readme, module) = (text("README.md"), text("repro.wat"));
    let command = "cargo xtask check repro.wat --runtime badf --dir root::/root --";
    assert!(readme.contains(&format!("{command}\n```")) && module.contains(&format!(";; $ {command}\n")), "{readme}\n{module}");
    for runtime in ["oracle", "wasmtime", "wasmi", "wasmer", "badf"] {
        let entry = runtimes().iter().find(|entry| entry.name == runtime).expect(runtime);
        assert!(readme.contains(&format!("{runtime} {} ({})", entry.version(), entry.wasi())), "{readme}");
    }
    assert!(readme.contains("Host profile `default`"), "{readme}");
}

/// Where wasmer does not come back from one run of these scripts, it loses that run, and wasmi, which plays them before or after it, none.
fn wasmer_loses_one_run(scripts: &[&str], cases: u64, (case, how): (u64, &str)) {
    for order in [["wasmi", "wasmer"], ["wasmer", "wasmi"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fuzz.json");
        let [first, second] = order;
        let flags = ["fuzz", "--runtime", first, "--runtime", second, "--jobs", "1", "--json", path.to_str().expect("a path")];
        let ran = touchstone(&[&flags[..], scripts].concat());
        let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a file")).expect("JSON");
        let runs = |seat: usize| (json["runtimes"][seat]["name"].clone(), json["runtimes"][seat]["runs"].as_u64());
        let wanted = order.map(|name| (name.into(), Some(if name == "wasmer" { cases - 1 } else { cases })));
        assert_eq!(([runs(0), runs(1)], &json["cases"]), (wanted, &cases.into()), "{}", ran.out);
        let findings = json["findings"].as_array().expect("findings");
        let ended = findings.iter().find(|finding| finding["seen"] == how).expect("a run that did not come back");
        assert_eq!((&ended["runtime"], &ended["times"], &ended["case"]), (&"wasmer".into(), &1.into(), &case.into()), "{ended}");
    }
}

#[test]
fn a_runtime_that_aborts_takes_its_own_run_along_and_nothing_else() {
    // script 23 has wasmer abort its process, by a panic where none may unwind (`wasmer-rename-of-linked-panics`)
    wasmer_loses_one_run(&["--cases", "32", "--seed", "1"], 32, (23, "crashed by signal 6"));
}

#[test]
fn a_runtime_that_hangs_loses_that_run_and_no_other() {
    // script 906 has wasmer copy a folder into itself without end (`wasmer-rename-copies`); it is in the middle of its batch
    wasmer_loses_one_run(&["--shard", "57/1875", "--cases", "30000", "--seed", "2"], 16, (906, "timed out"));
}

#[test]
fn what_a_script_costs_is_told_beside_the_kernel_and_a_module_of_its_own() {
    let ran = touchstone(&["fuzz", "--runtime", "wasmi", "--cases", "1", "--seed", "1", "--costs"]);
    let row = |name: &str| ran.err.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}\n{}", ran.err));
    let numbers = |name: &str| row(name).split_whitespace().skip(1).map(|number| number.parse().expect(number)).collect::<Vec<f64>>();
    let (wasmi, linux) = (numbers("wasmi"), numbers("linux"));
    assert_eq!((wasmi.len(), linux.len()), (4, 2), "the kernel has one way only\n{}", ran.err);
    assert!(wasmi.iter().chain(&linux).all(|number| *number > 0.0) && linux[1] == 1.0, "{}", ran.err);
}

/// A divergence file that tells one thing of the control `badf`, with more lines on how random scripts show it.
fn own_divergence(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("own.toml");
    let divergence = "title = \"It answers badf\"\ncause = \"runtime-bug\"\nclauses = []\nnote = \"\"\n[[seen]]\nruntime = \"badf\"\n\
                      versions = \"*\"\n[seen.cases]\n[[random]]\nruntime = \"badf\"\nplaces = [\"fd_prestat_get\"]\n";
    std::fs::write(&path, format!("{divergence}{more}")).expect("a file");
    path
}

#[test]
fn a_divergence_file_of_ones_own_makes_known_what_it_tells() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = own_divergence(folder.path(), "");
    let flags = ["fuzz", "--runtime", "badf", "--cases", "40", "--seed", "5", "--no-shrink", "--known"];
    let ran = touchstone(&[&flags[..], &[path.to_str().expect("a path")]].concat());
    assert!(ran.out.contains("badf fd_prestat_get: own"), "{}", ran.out);
    std::fs::write(&path, "title = 3").expect("a file");
    let ran = touchstone(&[&flags[..], &[path.to_str().expect("a path")]].concat()).expect(2);
    assert!(ran.err.contains("own.toml is no divergence file"), "{}", ran.err);
}

#[test]
fn findings_are_the_same_whatever_the_number_of_jobs() {
    let flags = ["fuzz", "--runtime", "wasmi", "--cases", "400", "--seed", "3", "--no-shrink"];
    let one = touchstone(&[&flags[..], &["--jobs", "1"]].concat());
    let two = touchstone(&[&flags[..], &["--jobs", "2"]].concat());
    // what a poll of a clock answers first, and so which features are reached, is up to how busy the machine is
    let up_to_timing = |line: &str| line.contains(" features: ") || line.contains(", by timing: ");
    // of the first line, what stands before the count of findings
    let firm = |line: &str| if line.starts_with("seed ") { line.split(';').next().unwrap_or_default().to_owned() } else { line.to_owned() };
    let findings = |out: &str| out.lines().filter(|line| !up_to_timing(line)).map(firm).collect::<Vec<String>>();
    assert_eq!((one.code, findings(&one.out)), (two.code, findings(&two.out)));
    assert!(findings(&one.out).len() > 5, "{}", one.out);
}

#[test]
fn what_is_there_by_timing_is_told_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = own_divergence(folder.path(), "sometimes = true\n");
    let json = folder.path().join("fuzz.json");
    let [path, json_path] = [&path, &json].map(|path| path.to_str().expect("a path"));
    let ran =
        touchstone(&["fuzz", "--runtime", "badf", "--cases", "8", "--seed", "5", "--no-shrink", "--known", path, "--json", json_path]);
    assert!(ran.out.contains(" times badf fd_prestat_get, by timing: own\n"), "{}", ran.out);
    let json: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&json).expect("a file")).expect("JSON");
    for finding in json["findings"].as_array().expect("findings") {
        assert_eq!(finding["sometimes"], finding["known"] == "own", "{finding}");
    }
}

#[test]
fn shards_take_all_scripts_between_them() {
    let scripts = |shard: &str| {
        let ran = touchstone(&["fuzz", "--runtime", "oracle", "--cases", "101", "--seed", "3", "--shard", shard]).expect(0);
        let calls = ran.out.split(" calls").next().and_then(|text| text.rsplit(' ').next()).and_then(|text| text.parse::<u64>().ok());
        (ran.out.split(" scripts").next().expect("a count").to_owned(), calls.expect("calls"))
    };
    // 7 batches, the last of 5
    let [(first, one), (second, other), (_, whole)] = ["1/2", "2/2", "1/1"].map(scripts);
    assert_eq!((first.as_str(), second.as_str(), one + other), ("seed 3: 53", "seed 3: 48", whole));
}

#[test]
fn a_time_that_is_none_is_a_mistake_and_a_campaign_ends_in_time() {
    assert!(touchstone(&["fuzz", "--time", "soon"]).expect(2).err.contains("--time"));
    touchstone(&["fuzz", "--runtime", "oracle", "--time", "1s"]).expect(0);
}

#[test]
fn survivors_are_the_same_whatever_the_number_of_jobs() {
    let flags = ["--random", "300", "--filter", "^fd_(seek|tell|close):", "--at-least", "50"];
    let one = mutants(&[&flags[..], &["--jobs", "1"]].concat()).expect(0).out;
    let two = mutants(&[&flags[..], &["--jobs", "2"]].concat()).expect(0).out;
    assert_eq!(one, two);
    assert!(one.contains("faults found (") && one.contains(" survive\n"), "{one}");
}

#[test]
fn too_few_found_is_a_failure_and_a_wrong_pattern_a_mistake() {
    mutants(&["--random", "1", "--filter", "^fd_seek:", "--at-least", "100"]).expect(1);
    let ran = mutants(&["--random", "1", "--filter", "("]).expect(2);
    assert!(ran.err.contains("cure: write a regular expression"), "{}", ran.err);
    mutants(&[]).expect(2);
}

#[test]
fn nights_are_told_from_what_campaigns_wrote() {
    let folder = tempfile::tempdir().expect("a folder");
    for night in ["1", "2"] {
        let path = folder.path().join(night).join("fuzz.json");
        touchstone(&["fuzz", "--runtime", "wasmi", "--cases", "16", "--seed", night, "--json", path.to_str().expect("a path")]).expect(0);
    }
    let targets =
        "{\"schema\": 1, \"targets\": [{\"name\": \"abi\", \"runs\": 7, \"edges\": 1, \"features\": 2, \"inputs\": 3, \"found\": false}]}";
    std::fs::write(folder.path().join("2/targets.json"), targets).expect("write");
    std::fs::create_dir(folder.path().join(".hidden")).expect("a folder");
    let nights = folder.path().to_str().expect("a path");
    let out = touchstone(&["trend", nights]).expect(0).out;
    for said in [
        "| 1     |            0.00 |",
        "## 2 beside the nights before\n\n- Nothing that chance would not explain.\n",
        "| 7 runs, 2 features, 3 inputs |",
        "## On file, and seen in none of these nights\n\n- `",
        "` on wasmi, in 32 runs\n",
    ] {
        assert!(out.contains(said), "no {said} in\n{out}");
    }
    assert!(!out.contains("hidden"), "{out}");
    let last = touchstone(&["trend", nights, "--last", "1"]).expect(0).out;
    assert!(last.contains("- Nothing that chance would not explain.") && !last.contains("| 1 "), "{last}");
}

#[test]
fn a_file_of_a_night_that_is_of_no_use_costs_nothing_of_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let nights = folder.path().to_str().expect("a path");
    assert!(touchstone(&["trend", nights]).expect(2).err.contains("has no folders"));
    assert!(touchstone(&["trend", "/nowhere"]).expect(2).err.contains("/nowhere cannot be listed"));
    let night = folder.path().join("1");
    let path = night.join("fuzz.json");
    touchstone(&["fuzz", "--runtime", "wasmi", "--cases", "16", "--json", path.to_str().expect("a path")]).expect(0);
    for (name, text) in [("cut.json", &b"{\"schema\": 1, "[..]), ("empty.json", b""), ("other.json", b"{}"), ("bytes.json", b"\xff")] {
        std::fs::write(night.join(name), text).expect("write");
    }
    std::fs::create_dir(night.join("folder.json")).expect("a folder");
    let ran = touchstone(&["trend", nights]).expect(0);
    assert!(ran.err.contains("1/cut.json was not taken: it ends too early, at line 1"), "{}", ran.err);
    let (_, left_out) = ran.out.split_once("## Not taken\n\n").expect("what was left out");
    assert_eq!(left_out.lines().count(), 5, "{}", ran.out);
    assert!(ran.out.contains("wasmi"), "{}", ran.out);
}
