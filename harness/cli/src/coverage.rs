//! `coverage`: what the suite reaches, and what it does not.

use touchstone_oracle::coverage::universe;
use touchstone_reports::CoverageDetails;
use touchstone_runner::profile::Profile;
use touchstone_runner::schedule::Profiles;

use crate::args::{CoverageArgs, CoverageFormat};
use crate::suite_run::SuiteRun;
use crate::{Exit, Failure, human, select};

/// Runs the command.
pub fn run(args: &CoverageArgs) -> Result<Exit, Failure> {
    let reference = select::reference(None)?;
    let mut runtimes = vec![reference];
    if !args.runtime.is_empty() {
        runtimes.extend(select::chosen(&args.runtime)?.into_iter().filter(|entry| entry.name != reference.name));
    }
    let mut suite = select::suite(&args.suite)?;
    select::cases(&mut suite, args.filter.as_deref(), None)?;
    let names: Vec<String> = runtimes.iter().map(|entry| entry.name.to_owned()).collect();
    // how the host is asked to open files changes nothing of what a guest asks
    let profiles = Profiles::Only(Profile::Default);
    let results = SuiteRun { profiles, ..SuiteRun::new(&suite.cases, &suite.divergences, runtimes, reference) }.results()?;
    let details = CoverageDetails::new(reference.name, &names, &universe(), &results);
    human::print(&match args.format {
        CoverageFormat::Human => details.text(),
        CoverageFormat::Json => details.json(),
    });
    Ok(Exit::Green)
}
