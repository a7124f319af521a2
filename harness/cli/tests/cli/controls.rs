//! The negative controls must pass no case in which the guest makes a successful call: what passes there tests nothing.

use crate::support::touchstone;

#[test]
fn no_control_passes_a_case_that_makes_a_successful_call() {
    let controls = ["null", "nosys", "notsup", "badf", "yes"];
    // guests that try again until a call succeeds never end under a control that never does anything
    let mut args = vec!["conformance", "--format", "json", "--timeout", "2", "--profile", "default"];
    controls.iter().for_each(|control| args.extend(["--runtime", control]));
    args.extend(["--runtime", "oracle"]);
    let report = touchstone(&args).expect(1).json();
    let cases = report["cases"].as_array().expect("cases");
    assert!(cases.len() >= 80, "{} cases", cases.len());
    let mut green = Vec::new();
    for case in cases {
        for control in controls {
            let verdict = case["results"][control]["verdict"].as_str().expect("a verdict");
            if matches!(verdict, "pass" | "permitted" | "known" | "unsupported") {
                green.push(format!("{} on {control}: {verdict}", case["id"]));
            }
        }
    }
    // a case whose every call fails on the reference could be green for a control that answers just that errno: there is none
    assert!(green.is_empty(), "green for a control, so these cases test nothing:\n{}", green.join("\n"));
}
