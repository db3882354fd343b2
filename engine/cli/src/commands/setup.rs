//! From a space file and the command line to a space, its devices, and where its model and data are.

use std::path::{Path, PathBuf};

use engine::devices::{self, Device, DeviceSlots};
use search_spaces::{
    data::{Data, Files, Location},
    draft::Draft,
    problem::{MOST_PROBLEMS, Problem, Problems, ReadError},
    settings::Settings,
    space::Space,
};

use super::{fetch, ready};
use crate::{args::Overrides, context::Context, exit::Error, progress::text};

/// Reads a space with the command line's settings in place of the file's. The mistakes of a file that has some are told together with those
/// that its model and its data tell.
pub(super) fn read_space(path: &Path, overrides: &Overrides, context: &Context) -> Result<Space, Error> {
    let mut draft = Draft::read(path).map_err(read_error)?;
    let devices = draft.settings.as_ref().filter(|_| overrides.devices.is_none()).and_then(|settings| settings.devices.clone());
    if let Some(Err(error)) = devices.map(|list| devices::parse_devices(&list, devices::cores(), &["cuda", "metal"])) {
        draft.problems.push(draft.places.problem_at("settings.devices", error.to_string(), None));
    }
    let mut space = draft.space().map_err(|draft| ready::mistakes(&draft, context))?;
    space.check_search().map_err(Error::space)?;
    let problems: Vec<Problem> =
        overrides.as_ron().filter_map(|(path, option, text)| space.set(path, text, option).err()).flat_map(|problems| problems.0).collect();
    if !problems.is_empty() {
        return Err(Error::usage(told(&Problems::new(problems))));
    }
    let settings = &mut space.settings;
    settings.trials = overrides.trials.unwrap_or(settings.trials);
    settings.budget_seconds = overrides.budget.or(settings.budget_seconds);
    settings.target = overrides.target.or(settings.target);
    settings.seed = overrides.seed.unwrap_or(settings.seed);
    settings.devices = overrides.devices.clone().or_else(|| settings.devices.clone());
    Ok(space)
}

impl Overrides {
    /// What is written as in a space: where it belongs, the option, and the text.
    fn as_ron(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let given = [
            ("objective", "--objective", &self.objective),
            ("settings.eta", "--eta", &self.eta),
            ("settings.r_min", "--r-min", &self.r_min),
        ];
        given.into_iter().filter_map(|(path, option, text)| Some((path, option, text.as_deref()?)))
    }

    /// What the command line does not say, a study that goes on has already: without `--seed` its own seed, without `--budget` no less than
    /// its budget, without `--devices` (here or in the file) those it last had. So what it was started with need not be given again.
    /// Trials and budget never shrink: [`engine::session::begin`] sees to that.
    pub(super) fn go_on(&self, settings: &mut Settings, before: &Settings) {
        settings.seed = self.seed.unwrap_or(before.seed);
        settings.devices = settings.devices.take().or_else(|| before.devices.clone());
    }

    /// What of this, and of the file's seed, the study's own settings `now` overrule: a line each.
    pub(super) fn overruled(&self, file_seed: u64, now: &Settings) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(trials) = self.trials.filter(|trials| *trials < now.trials) {
            lines.push(format!(
                "--trials {trials} changes nothing: the study has been asked for {} in all, and totals only grow",
                now.trials
            ));
        }
        if let (Some(asked), Some(budget)) = (self.budget, now.budget_seconds)
            && asked < budget
        {
            let (asked, budget) = (text::seconds(asked as f64), text::seconds(budget as f64));
            lines.push(format!("a --budget of {asked} changes nothing: the study has {budget} in all, and totals only grow"));
        }
        if self.seed.is_none() && file_seed != now.seed {
            lines.push(format!("the study goes on with its own seed, {}; the file's is {file_seed}", now.seed));
        }
        lines
    }
}

pub(super) fn read_error(error: ReadError) -> Error {
    match error {
        ReadError::Unreadable { path, source } => Error::space(format!("cannot read {}: {source}", path.display())),
        ReadError::Problems(problems) => Error::space(told(&problems)),
    }
}

/// `2 mistakes:` and what they are.
pub(super) fn told(problems: &Problems) -> String {
    match problems.0.len() {
        1 => problems.to_string(),
        // What is read of a file that is all wrong ends somewhere.
        count if count >= MOST_PROBLEMS => format!("{count} mistakes, and there may be more\n\n{problems}"),
        count => format!("{count} mistakes\n\n{problems}"),
    }
}

/// The accelerators this program was built for.
pub(super) const ACCELERATORS: &[&str] = &[
    #[cfg(feature = "cuda")]
    "cuda",
    #[cfg(feature = "metal")]
    "metal",
];

/// The devices to use, each opened once so that one that is not there is known before anything starts.
pub(super) fn devices(space: &Space) -> Result<Vec<DeviceSlots>, Error> {
    let cores = devices::cores();
    let found = match &space.settings.devices {
        None => vec![DeviceSlots::cpu(cores, cores)],
        Some(list) => devices::parse_devices(list, cores, ACCELERATORS).map_err(|error| {
            // Right for a program with all accelerators: the machine or the build lacks it. Wrong for any: a slip of the pen.
            if devices::parse_devices(list, cores, &["cuda", "metal"]).is_ok() { Error::environment(error) } else { Error::usage(error) }
        })?,
    };
    for slots in &found {
        trials::device::open(slots.device).map_err(Error::environment)?;
    }
    Ok(found)
}

/// One device to compute on, opened once so that one that is not there is known before anything starts.
pub(super) fn device(name: &str) -> Result<Device, Error> {
    let found = devices::parse_devices(name, devices::cores(), ACCELERATORS).map_err(Error::environment)?;
    trials::device::open(found[0].device).map_err(Error::environment)?;
    Ok(found[0].device)
}

/// Where a location is on this machine.
pub(super) fn locate(location: &Location, context: &mut Context) -> Result<PathBuf, Error> {
    match location {
        Location::Path(path) => Ok(path.clone()),
        Location::Asset(name) => fetch::resolve(context, name),
    }
}

/// The data with every location a path.
pub(super) fn locate_data(data: &Data, context: &mut Context) -> Result<Data, Error> {
    located(data, &mut |location| locate(location, context))
}

/// The data with every location where `at` says it is.
pub(super) fn located<E>(data: &Data, at: &mut dyn FnMut(&Location) -> Result<PathBuf, E>) -> Result<Data, E> {
    let mut at = |location: &Location| at(location).map(Location::Path);
    let files = match data.files() {
        Files::One(one) => Files::One(at(one)?),
        Files::Splits { train, validation, test } => Files::Splits {
            train: at(train)?,
            validation: validation.as_ref().map(&mut at).transpose()?,
            test: test.as_ref().map(&mut at).transpose()?,
        },
    };
    let mut data = data.clone();
    *data.files_mut() = files;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let text = r#"Sweep(
            model: Path("m"),
            data: (files: One(Path("d.tsv"))),
            settings: (trials: 20, seed: 5),
            space: (epochs: 1, optimizer: AdamW(learning_rate: 1e-3)),
        )"#;
        let space = Space::parse(Path::new("s.ron"), text).unwrap_or_else(|problems| panic!("{problems}"));
        Settings { budget_seconds: Some(7200), ..space.settings }
    }

    #[test]
    fn a_study_that_goes_on_keeps_what_the_command_line_leaves_out() {
        let before = Settings { devices: Some("cpu:2".to_owned()), ..settings() };
        let mut file = Settings { seed: 7, ..settings() };
        let none = Overrides::default();
        none.go_on(&mut file, &before);
        assert_eq!((file.seed, file.devices.as_deref()), (5, Some("cpu:2")));
        let given = Overrides { seed: Some(9), ..Overrides::default() };
        file.devices = Some("cpu:1".to_owned());
        given.go_on(&mut file, &before);
        assert_eq!((file.seed, file.devices.as_deref()), (9, Some("cpu:1")));
    }

    #[test]
    fn what_is_overruled_is_told() {
        let less = Overrides { trials: Some(10), budget: Some(600), ..Overrides::default() };
        insta::assert_snapshot!(less.overruled(7, &settings()).join("\n"), @r"
        --trials 10 changes nothing: the study has been asked for 20 in all, and totals only grow
        a --budget of 10 min changes nothing: the study has 2 h in all, and totals only grow
        the study goes on with its own seed, 5; the file's is 7
        ");
        let same = Overrides { trials: Some(20), budget: Some(7200), ..Overrides::default() };
        assert_eq!(same.overruled(5, &settings()), Vec::<String>::new());
    }
}
