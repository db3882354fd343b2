//! `thawline verify`

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use engine::devices;
use search_spaces::data::{Data, Location};
use serde::Serialize;
use trials::{
    data::{self, Task, Tokenizer, image},
    hub::{
        Trained,
        manifest::{DataFile, Evaluated, Hashed, Input, Made, Manifest, TrainedOn},
    },
    models::Takes,
    prepare::{Prepared, check_metric},
};

use super::{
    folder::{self, Wanted, hub_error},
    interrupt::{self, Interrupts},
    places, read,
    ready::{self, Ready},
    setup,
    train::{self, Course, Identity, Work},
};
use crate::{args::Verify, assets, context::Context, exit::Error};

/// How often the training is kept that `--train` does.
const CHECKPOINT_EVERY_SECONDS: u64 = 180;

/// With more threads than this, and than there are cores, nothing is computed: the manifest may come from a stranger.
const MOST_THREADS: usize = 256;

/// Another measure than the objective's may move so much further with a few examples: those of a small class count for more in it.
const OTHER_MEASURES: f64 = 5.0;

/// How far figures of the same logits may be apart on two systems.
const SAME_LOGITS: f64 = 1e-9;

/// In place of a metric where only the weights themselves can be compared: 1 where they differ.
const WEIGHTS: &str = "weights";

/// What was found, as JSON.
#[derive(Debug, Serialize)]
struct Found {
    holds: bool,
    /// What is not what the manifest says, a line each; nothing is evaluated then.
    changed: Vec<String>,
    /// What could not be checked, and why.
    unchecked: Vec<String>,
    /// The same program, CPU and device: every bit must be the same.
    same_machine: bool,
    checks: Vec<Check>,
}

/// A value and what it was to be.
#[derive(Debug, Serialize)]
struct Check {
    /// `validation`, `test`, `trained again`.
    what: &'static str,
    metric: String,
    /// `study`: by the study; `config`: by the study whose config was trained again; `measured`: when the folder was written.
    claimed_by: &'static str,
    claimed: f64,
    found: f64,
    /// Every bit is the same, of the value and, where they are known, of all logits or weights.
    exact: bool,
    tolerance: f64,
    holds: bool,
}

pub(super) fn run(arguments: &Verify, context: &mut Context) -> Result<(), Error> {
    let folder = &arguments.model;
    let mut manifest = Manifest::read(folder).map_err(Error::input)?;
    let device = setup::device(&arguments.device)?;
    let metric = manifest.config.objective.metric;
    check_metric(metric, &context.measures).map_err(|(why, hint)| Error::input(format!("{}: {why}\n  {hint}", folder.display())))?;
    places::put(&mut manifest.config.data, &arguments.data)?;
    if let Some(base) = &arguments.base {
        manifest.config.model = Location::Path(places::absolute(base)?);
    }
    let mut found = Found { holds: false, changed: Vec::new(), unchecked: Vec::new(), same_machine: false, checks: Vec::new() };

    // First of all that everything is what it was; without a look at what it gives.
    found.changed.extend(manifest.changed(folder).map_err(hub_error)?);
    let data = locate_data(&manifest, context)?;
    read::try_data(&data, &context.program)?;
    found.changed.extend(changed_data(&manifest, &data)?);
    let base = base(&manifest, arguments.train, context)?;
    let handle = trials::device::open(device).map_err(Error::environment)?;
    match &base {
        Some(base) => {
            let now = trials::prepare::load_base(base, &handle).map_err(Error::input)?.hash().map_err(Error::environment)?;
            if now != manifest.base_blake3 {
                found.changed.push(format!(
                    "the pre-trained weights in {} have the blake3 {now}, not {}",
                    base.display(),
                    manifest.base_blake3
                ));
            }
        }
        None => found.unchecked.push(format!(
            "the pre-trained weights, {}, are not on this machine: only --train needs them (--base says where they are)",
            manifest.config.model
        )),
    }
    if !found.changed.is_empty() {
        return refuse(&found, arguments, context);
    }
    let trained = Trained::load(folder, &handle).map_err(hub_error)?;
    let task = task(&manifest, &trained, folder, &data)?;
    let content = task.hash();
    if content != manifest.data.content_blake3 {
        let what = format!(
            "the data, {}, have the content {content}, not {}: other texts or images, labels or splits",
            names(&data),
            manifest.data.content_blake3
        );
        found.changed.push(what);
    }
    if trained.labels != manifest.labels {
        found.changed.push(format!(
            "config.json names the labels {}, the manifest {}",
            trained.labels.join(", "),
            manifest.labels.join(", ")
        ));
    }
    if !found.changed.is_empty() {
        return refuse(&found, arguments, context);
    }

    let prepared = Prepared {
        task: Arc::new(task),
        report: Arc::new(data_report()),
        base: Arc::clone(&trained.base),
        device,
        side: trials::prepare::side(&data),
        measures: context.measures.clone(),
    };
    let ready = Ready { model: folder.clone(), data, prepared };
    let here = folder::here(&ready, context)?;
    found.same_machine = manifest.made.is_here(&here) && threads(&manifest) == manifest.made.threads;
    if folder.join("README.md").exists() {
        found.unchecked.push("README.md, which people may edit: its figures are those of thawline.json only as it was written".to_owned());
    }
    let interrupts = interrupt::watch()?;
    evaluate(&manifest, trained, &ready, &mut found, &interrupts, context)?;
    if arguments.train
        && let Some(base) = base
    {
        again(&manifest, base, &ready, &here, folder, &mut found, &interrupts, context)?;
    }
    found.holds = found.checks.iter().all(|check| check.holds);
    tell(&found, metric.name(), arguments, context)
}

/// Where the data are now.
fn locate_data(manifest: &Manifest, context: &mut Context) -> Result<Data, Error> {
    let data = setup::locate_data(&manifest.config.data, context)?;
    setup::located(&data, &mut |location| match location {
        Location::Path(path) if !path.ancestors().any(Path::exists) || !there(path) => {
            Err(Error::input(format!("{}: there is no such file or folder; --data says where the data are now", path.display())))
        }
        Location::Path(path) => Ok(path.clone()),
        Location::Asset(name) => Err(Error::input(format!("the asset {name:?} has not been fetched"))),
    })
}

/// A folder within a tar is there if the tar is.
fn there(path: &Path) -> bool {
    path.exists() || path.ancestors().any(Path::is_file)
}

/// Files of data that are not what they were.
fn changed_data(manifest: &Manifest, data: &Data) -> Result<Vec<String>, Error> {
    let now = folder::data_files(data)?;
    let mut changed = Vec::new();
    for before in &manifest.data.files {
        let Some(file) = now.iter().find(|file| file.split == before.split) else {
            // Now a folder, or in a tar: its content is compared.
            continue;
        };
        if hashed(file) != hashed(before) {
            changed.push(hashed(file).told(&file.path, &hashed(before)));
        }
    }
    Ok(changed)
}

fn hashed(file: &DataFile) -> Hashed {
    Hashed { bytes: file.bytes, blake3: file.blake3.clone() }
}

/// Where the pre-trained model is; `None` where it is not on this machine, and not needed.
fn base(manifest: &Manifest, needed: bool, context: &mut Context) -> Result<Option<PathBuf>, Error> {
    if needed {
        return setup::locate(&manifest.config.model, context).map(Some);
    }
    Ok(match &manifest.config.model {
        Location::Path(path) => path.exists().then(|| path.clone()),
        Location::Asset(name) => assets::find(name).and_then(|asset| context.assets.cached(asset)),
    })
}

/// The data as the folder's model reads them.
fn task(manifest: &Manifest, trained: &Trained, folder: &Path, data: &Data) -> Result<Task, Error> {
    match (data, trained.base.takes()) {
        (Data::Text(data), Takes::Tokens { .. }) => {
            let tokenizer = Tokenizer::from_folder(folder).map_err(Error::input)?;
            let (task, _) = data::load(data, &tokenizer).map_err(Error::input)?;
            trials::prepare::check_tokens(&task, trained.base.as_ref(), folder).map_err(Error::input)?;
            Ok(task.task())
        }
        (Data::Images(data), Takes::Pixels(mut format)) => {
            // Hashes are of the pictures as the pre-trained model would have them.
            if let Input::Images { side, base_side, .. } = manifest.input {
                let data = search_spaces::data::ImageData { side: Some(side), ..data.clone() };
                format.side = base_side;
                return Ok(image::load(&data, &format).map_err(Error::input)?.0);
            }
            Ok(image::load(data, &format).map_err(Error::input)?.0)
        }
        (_, takes) => Err(Error::input(trials::prepare::unfit(&takes))),
    }
}

/// Nobody asks what was found in the data.
fn data_report() -> data::DataReport {
    data::DataReport {
        kind: data::report::Kind::Texts,
        files: Vec::new(),
        labels: Vec::new(),
        splits: Vec::new(),
        shared: Vec::new(),
        decoded: None,
    }
}

fn names(data: &Data) -> String {
    use search_spaces::data::Files;
    let files = match data.files() {
        Files::One(one) => vec![Some(one)],
        Files::Splits { train, validation, test } => vec![Some(train), validation.as_ref(), test.as_ref()],
    };
    files.into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// To compute with.
fn threads(manifest: &Manifest) -> usize {
    manifest.made.threads.min(MOST_THREADS.max(devices::cores()))
}

/// Evaluates the weights again.
fn evaluate(
    manifest: &Manifest,
    trained: Trained,
    ready: &Ready,
    found: &mut Found,
    interrupts: &Interrupts,
    context: &mut Context,
) -> Result<(), Error> {
    let metric = manifest.config.objective.metric;
    let wanted = Wanted {
        validation: manifest.trained_on == TrainedOn::Train,
        test: manifest.measured.test.is_some(),
        metric,
        seed: manifest.config.seed,
        threads: threads(manifest),
    };
    context.note("evaluating the weights");
    let now = folder::measured(trained, &ready.prepared.task, wanted, &context.measures, &interrupts.finish)?;
    let Some(now) = now else { return Err(Error::interrupted("interrupted: nothing is decided")) };
    let name = metric.name();
    let value = |evaluated: &Evaluated| evaluated.metrics.get(name).copied().unwrap_or(f64::NAN);
    let splits = [("validation", &manifest.measured.validation, &now.validation), ("test", &manifest.measured.test, &now.test)];
    let claim = manifest.claim.as_ref();
    let studies = [claim.map(|claim| claim.value), claim.and_then(|claim| Some(claim.test.as_ref()?.value))];
    for ((what, before, now), study) in splits.into_iter().zip(studies) {
        let Some(now) = now else {
            if what == "validation" {
                found.unchecked.push("the validation value: the model was trained on those examples, so there is none".to_owned());
            }
            continue;
        };
        let tolerance = manifest.tolerance.of_evaluation(now.examples);
        if let Some(before) = before {
            found.checks.extend(measured(what, name, (before, now), tolerance, found.same_machine));
        }
        let claims = |claimed_by, metric: &str, claimed: f64, found: f64, tolerance: f64| {
            let exact = is_same(claimed, found);
            let holds = exact || (claimed - found).abs() <= tolerance;
            Check { what, metric: metric.to_owned(), claimed_by, claimed, found, exact, tolerance, holds }
        };
        if let Some(claimed) = study {
            // The study may have computed on another machine or device.
            found.checks.push(claims("study", name, claimed, value(now), tolerance));
        } else if let Some(claim) = manifest.config.claim.as_ref().filter(|_| what == "validation") {
            found.checks.push(claims("config", name, claim.value, value(now), manifest.tolerance.of_training(now.examples)));
        }
        if let (Some(claimed), Some([low, high])) = (claim.and_then(|claim| claim.test.as_ref()).filter(|_| what == "test"), now.interval) {
            found.checks.push(claims("study", &format!("{name} (low)"), claimed.low, low, tolerance));
            found.checks.push(claims("study", &format!("{name} (high)"), claimed.high, high, tolerance));
        }
    }
    if manifest.trained_on == TrainedOn::TrainAndValidation && manifest.config.claim.is_some() {
        found.unchecked.push("what its config claims, which is of a model that had not seen the validation examples".to_owned());
    }
    Ok(())
}

/// To the last bit; no two NaN are told apart.
fn is_same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Every figure of a split, before and now. They follow from the logits alone: with the same logits all of them must be the same, elsewhere but for the last bits of a
/// logarithm, which is another system's there.
fn measured(
    what: &'static str,
    objective: &str,
    (before, now): (&Evaluated, &Evaluated),
    tolerance: f64,
    same_machine: bool,
) -> Vec<Check> {
    let same_logits = before.logits_blake3 == now.logits_blake3;
    let check = |metric: String, claimed: f64, found: f64, tolerance: f64| {
        let exact = same_logits && is_same(claimed, found);
        let tolerance = if same_logits { SAME_LOGITS * found.abs().max(1.0) } else { tolerance };
        let near = (claimed - found).abs() <= tolerance || is_same(claimed, found);
        let holds = exact || (near && !same_machine);
        Check { what, metric, claimed_by: "measured", claimed, found, exact, tolerance, holds }
    };
    let names: BTreeSet<&String> = before.metrics.keys().chain(now.metrics.keys()).collect();
    let value = |of: &Evaluated, name: &str| of.metrics.get(name).copied();
    let mut checks = Vec::new();
    for name in names {
        // Losses and measures of a program's own may be large; scores are not above 1.
        let size = value(now, name).unwrap_or(1.0).abs().max(1.0);
        let factor = if name == objective { size } else { size * OTHER_MEASURES };
        match (value(before, name), value(now, name)) {
            (Some(claimed), Some(found)) => checks.push(check(name.clone(), claimed, found, tolerance * factor)),
            // One that is not there has no value that anything is near to.
            (claimed, found) => {
                let (claimed, found) = (claimed.unwrap_or(f64::NAN), found.unwrap_or(f64::NAN));
                checks.push(Check {
                    what,
                    metric: name.clone(),
                    claimed_by: "measured",
                    claimed,
                    found,
                    exact: false,
                    tolerance: 0.0,
                    holds: false,
                });
            }
        }
    }
    let ends = |of: &Evaluated| of.interval.map_or([None; 2], |ends| ends.map(Some));
    for (end, (claimed, found)) in ["low", "high"].into_iter().zip(ends(before).into_iter().zip(ends(now))) {
        if claimed.is_some() || found.is_some() {
            let (claimed, found) = (claimed.unwrap_or(f64::NAN), found.unwrap_or(f64::NAN));
            checks.push(check(format!("{objective} ({end})"), claimed, found, tolerance * OTHER_MEASURES));
        }
    }
    checks
}

/// Trains the model again, from the pre-trained weights.
#[expect(clippy::too_many_arguments, reason = "all of what was read before")]
fn again(
    manifest: &Manifest,
    base: PathBuf,
    read: &Ready,
    here: &Made,
    folder: &Path,
    found: &mut Found,
    interrupts: &Interrupts,
    context: &mut Context,
) -> Result<(), Error> {
    let ready = ready::read(base, read.data.clone(), read.prepared.device, context)?;
    let file = &manifest.config;
    let course = Course::new(file, &ready.prepared, manifest.trained_on).map_err(Error::input)?;
    context.note("training the model again");
    let mut work = Work::open(folder, &Identity::new(&course, &ready)?)?;
    let completed = train::train(&course, &mut work, CHECKPOINT_EVERY_SECONDS, interrupts, context)?;
    let checkpoint = completed.checkpoint.as_ref().ok_or_else(|| Error::failed("training ended without weights"))?;
    let model = trials::trainer::final_model(ready.prepared.base.as_ref(), checkpoint)
        .map_err(|error| Error::trial("the trained weights cannot be read", &error))?;
    let classifier = ready.prepared.base.classifier(&ready.prepared.task.labels, ready.prepared.side);
    let place = work.folder().join("model");
    let draft = trials::hub::Draft::write(&place, &classifier, model.parameters()).map_err(hub_error)?;
    let weights = draft.folder().join("model.safetensors");
    let now = Hashed::of(&weights).map_err(|e| Error::environment(format!("cannot read {}: {e}", weights.display())))?;
    let exact = manifest.files.get("model.safetensors") == Some(&now);
    drop(draft);
    work.discard();
    let same = manifest.made.is_here(here);
    let metric = file.objective.metric.name().to_owned();
    match &manifest.measured.validation {
        Some(before) => {
            let claimed = before.metrics.get(&metric).copied().unwrap_or(f64::NAN);
            let tolerance = manifest.tolerance.of_training(ready.prepared.task.validation.len() as u64);
            let near = (claimed - completed.value).abs() <= tolerance;
            found.checks.push(Check {
                what: "trained again",
                metric,
                claimed_by: "measured",
                claimed,
                found: completed.value,
                exact,
                tolerance,
                holds: exact || (near && !same),
            });
        }
        // There is no value to compare; the weights are what they are.
        None if exact || same => found.checks.push(Check {
            what: "trained again",
            metric: WEIGHTS.to_owned(),
            claimed_by: "measured",
            claimed: 0.0,
            found: f64::from(u8::from(!exact)),
            exact,
            tolerance: 0.0,
            holds: exact,
        }),
        None => found
            .unchecked
            .push("the training: it was on the validation examples, too, and on another machine only a value could be compared".to_owned()),
    }
    Ok(())
}

/// Nothing is evaluated of what is not what was handed over.
fn refuse(found: &Found, arguments: &Verify, context: &mut Context) -> Result<(), Error> {
    if arguments.json {
        context.say_json(found)?;
    }
    let lines: Vec<String> = found.changed.iter().map(|line| format!("  {line}")).collect();
    Err(Error::check(format!("{} does not hold: not what it was written with\n{}", arguments.model.display(), lines.join("\n"))))
}

fn tell(found: &Found, objective: &str, arguments: &Verify, context: &mut Context) -> Result<(), Error> {
    for line in &found.unchecked {
        context.note(format!("not checked: {line}"));
    }
    if arguments.json {
        context.say_json(found)?;
    } else {
        for check in &found.checks {
            let Check { what, metric, claimed_by, claimed, found, exact, tolerance, holds } = check;
            // Of the figures beside the objective's only what is not as it was.
            if *holds && metric != objective && metric != WEIGHTS {
                continue;
            }
            let by = match *claimed_by {
                "study" => "claimed by the study",
                "config" => "claimed by the config, which was trained again",
                _ => "measured when the folder was written",
            };
            let how = match (exact, holds) {
                (true, _) => "the same to the last bit".to_owned(),
                (false, true) => format!("within the tolerance of {tolerance:.4}"),
                (false, false) => format!("does not hold (tolerance {tolerance:.4})"),
            };
            if metric == WEIGHTS {
                context.say(format!("{what}: the weights are {}", if *exact { "the same to the last bit" } else { "not the same" }))?;
                continue;
            }
            context.say(format!("{what}: {metric} {found:.6}; {claimed:.6} was {by}: {how}"))?;
        }
    }
    if !found.holds {
        let where_ = if found.same_machine { ": with the same program, CPU and device every bit must be the same" } else { "" };
        return Err(Error::check(format!("{} does not hold{where_}", arguments.model.display())));
    }
    if !arguments.json {
        context.say(format!("{}: holds", arguments.model.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(logits: &str, accuracy: f64, loss: f64) -> Evaluated {
        let metrics = [("accuracy".to_owned(), accuracy), ("loss".to_owned(), loss)].into();
        Evaluated { examples: 1000, metrics, interval: None, logits_blake3: logits.to_owned() }
    }

    fn holds(before: &Evaluated, now: &Evaluated, same_machine: bool) -> bool {
        measured("test", "accuracy", (before, now), 0.002, same_machine).iter().all(|check| check.holds)
    }

    #[test]
    fn the_same_logits_give_the_same_figures_but_for_another_systems_last_bits() {
        let now = of("a", 0.9, 0.3);
        assert!(holds(&of("a", 0.9, 0.3), &now, true));
        let last_bit = of("a", 0.9, 0.3f64.next_up());
        assert_eq!([true, false].map(|same_machine| holds(&last_bit, &now, same_machine)), [false, true]);
        assert!(!holds(&of("a", 0.901, 0.3), &now, false), "no tolerance where the logits are the same");
        assert!(holds(&of("b", 0.901, 0.305), &now, false) && !holds(&of("b", 0.901, 0.3), &now, true));
        assert!(!holds(&of("b", 0.903, 0.3), &now, false) && !holds(&of("b", 0.9, 0.32), &now, false));
    }

    #[test]
    fn a_figure_that_is_left_out_or_made_up_does_not_hold() {
        let now = of("a", 0.9, 0.3);
        let mut fewer = now.clone();
        fewer.metrics.remove("loss");
        let mut more = now.clone();
        more.metrics.insert("roc_auc".to_owned(), 0.99);
        assert!(!holds(&fewer, &now, false) && !holds(&more, &now, false));
        let undefined = of("a", 0.9, f64::NAN);
        assert!(holds(&undefined, &of("a", 0.9, -f64::NAN), true), "NaN is NaN");
    }
}
