//! `thawline predict`

mod place;

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use engine::{
    devices::{self, Device},
    runner::Cancel,
};
use search_spaces::data::{Data, Missing, TextColumns, Unreadable};
use trials::{
    data::Tokenizer,
    hub::{
        Trained,
        manifest::{self, Manifest},
    },
    models::Takes,
    predict::{self, Columns, Format, Inputs, Pictures, PredictError, Prediction, Texts, Writer},
    prepare::check_tokenizer,
};

use self::place::{Place, check_apart, format_of};
use super::{interrupt, read, setup};
use crate::{args::Predict, context::Context, exit::Error};

/// Columns that hold the text in most files, for a model that says nothing of its own.
const USUAL: &str = "text";

/// Changed files named in an error; the rest is counted.
const NAMED: usize = 10;

pub(super) fn run(arguments: &Predict, context: &mut Context) -> Result<(), Error> {
    let format = format_of(arguments)?;
    check_apart(arguments)?;
    let device = setup::device(&arguments.device)?;
    // Any Hugging Face classifier will do; one of ours says how its texts and images were read.
    let manifest =
        if arguments.model.join(manifest::FILE).exists() { Some(Manifest::read(&arguments.model).map_err(Error::input)?) } else { None };
    if let Some(manifest) = &manifest {
        check_unchanged(manifest, &arguments.model)?;
    }
    let handle = trials::device::open(device).map_err(Error::environment)?;
    let trained = Trained::load(&arguments.model, &handle).map_err(Error::input)?;
    if let Some(manifest) = manifest.as_ref().filter(|manifest| manifest.labels != trained.labels) {
        return Err(Error::input(format!(
            "{}: config.json names other labels than {}: `thawline verify` tells what was changed ({} there, {} here)",
            arguments.model.display(),
            manifest::FILE,
            trained.labels.join(", "),
            manifest.labels.join(", ")
        )));
    }
    let place = Place::find(arguments.to.as_deref())?;
    read::try_unlabelled(&arguments.input, matches!(trained.base.takes(), Takes::Pixels(_)), &context.program)?;
    let inputs = inputs(arguments, manifest.as_ref(), &trained)?;
    for note in inputs.notes() {
        context.note(note);
    }
    let count = inputs.len();
    let Some(done) = write(trained, inputs, (&place, format), arguments, device, context)? else { return Ok(()) };
    context.note(format!("{done} of {count} {}", if done == 1 { "prediction" } else { "predictions" }));
    // What is no file may be where this would be read as a prediction.
    if let (Some(to), Place::File(_)) = (&arguments.to, &place) { context.say(to.display()) } else { Ok(()) }
}

/// Refuses a folder with other files than its manifest lists: without a word it would give other answers than those that were measured.
fn check_unchanged(manifest: &Manifest, folder: &Path) -> Result<(), Error> {
    let changed = manifest.changed(folder).map_err(Error::input)?;
    if changed.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<String> = changed.iter().take(NAMED).map(|line| format!("  {line}\n")).collect();
    if changed.len() > NAMED {
        lines.push(format!("  and {} more\n", changed.len() - NAMED));
    }
    Err(Error::input(format!(
        "{}: the folder is not what its {} says, so its predictions may be others than those that were measured:\n{}  `thawline verify` tells more; \
         without {} the folder is read as any other model",
        folder.display(),
        manifest::FILE,
        lines.concat(),
        manifest::FILE
    )))
}

/// Reads the examples, as the model was trained to read them.
fn inputs(arguments: &Predict, manifest: Option<&Manifest>, trained: &Trained) -> Result<Inputs, Error> {
    let data = manifest.map(|manifest| &manifest.config.data);
    let inputs = match trained.base.takes() {
        Takes::Pixels(_) if arguments.text.is_some() => {
            return Err(Error::usage("--text names a column of texts, but the model reads images"));
        }
        Takes::Pixels(format) => {
            let drops = matches!(data, Some(Data::Images(data)) if data.unreadable == Unreadable::Drop);
            Pictures::read(&arguments.input, format, drops).map(Inputs::Pictures)
        }
        Takes::Tokens { most, .. } => {
            let tokenizer = Tokenizer::from_folder(&arguments.model).map_err(Error::input)?;
            check_tokenizer(&tokenizer, trained.base.as_ref()).map_err(Error::input)?;
            let of_training = if let Some(Data::Text(data)) = data { Some(data) } else { None };
            let max_tokens = of_training.map_or(most, |data| data.max_tokens.min(most));
            let names = of_training.and_then(|data| data.columns.clone());
            let columns = match &arguments.text {
                Some(text) => {
                    let text = match text.split_once(',') {
                        Some((first, second)) => TextColumns::Pair(first.to_owned(), second.to_owned()),
                        None => TextColumns::One(text.clone()),
                    };
                    Columns { text, names, missing: Missing::Reject }
                }
                None => Columns {
                    text: of_training.map_or_else(|| TextColumns::One(USUAL.to_owned()), |data| data.text.clone()),
                    names,
                    missing: Missing::Reject,
                },
            };
            let columns = Columns { missing: of_training.map_or(Missing::Reject, |data| data.missing.clone()), ..columns };
            Texts::read(&arguments.input, &columns, &tokenizer, max_tokens).map(|texts| Inputs::Texts(Box::new(texts)))
        }
    };
    inputs.map_err(|error| told(error, arguments))
}

/// Predicts and writes; gives the number of predictions, `None` where their reader has gone.
fn write(
    trained: Trained,
    inputs: Inputs,
    (place, format): (&Place, Format),
    arguments: &Predict,
    device: Device,
    context: &mut Context,
) -> Result<Option<usize>, Error> {
    let interrupts = interrupt::watch()?;
    let failed = |e: &io::Error| match &arguments.to {
        Some(to) => Error::write(to, e),
        None => Error::environment(format!("cannot write to standard output: {e}")),
    };
    let interrupted = || match (place, &arguments.to) {
        (Place::File(_), Some(to)) => Error::interrupted(format!("interrupted: {} was not written", to.display())),
        _ => Error::interrupted("interrupted: not all predictions were made"),
    };
    let draft = place.draft().map_err(|e| failed(&e))?;
    let stop = interrupts.finish.clone();
    let mut writing = Writing { format, labels: trained.labels.clone(), done: 0 };
    let (sender, parts) = crossbeam_channel::bounded(1);
    // An accelerator computes; the threads only prepare what it reads.
    let threads = if device == Device::Cpu { devices::cores() } else { 1 };
    let work = std::thread::spawn(move || {
        let mut trained = trained;
        predict::run(&mut trained, inputs, threads, &mut |part| Ok(!stop.is_set() && sender.send(part).is_ok()))
    });
    let all = match (&draft, place) {
        (Some(draft), _) => writing.write(&parts, &interrupts.finish, &mut BufWriter::new(draft.as_file())),
        (None, Place::Device(device)) => writing.write(&parts, &interrupts.finish, &mut BufWriter::new(device)),
        (None, _) => writing.write(&parts, &interrupts.finish, &mut context.out),
    };
    match all {
        Ok(true) => {}
        // What is computed now ends with the process.
        Ok(false) => return Err(interrupted()),
        // A reader that has gone is no error of ours.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe && draft.is_none() => return Ok(None),
        Err(e) => return Err(failed(&e)),
    }
    let ended = work.join().map_err(|_| Error::failed("a panic: this is an error in the program"))?;
    if interrupts.finish.is_set() {
        return Err(interrupted());
    }
    ended.map_err(|error| told(error, arguments))?;
    place.publish(draft).map_err(|e| failed(&e))?;
    Ok(Some(writing.done))
}

struct Writing {
    format: Format,
    labels: Vec<String>,
    /// Predictions so far.
    done: usize,
}

impl Writing {
    /// Writes the parts as they come, each whole, to their end. `false`: `stop` was set before that.
    fn write(&mut self, parts: &Receiver<Vec<Prediction>>, stop: &Cancel, to: &mut dyn Write) -> io::Result<bool> {
        let mut writer = Writer::new(to, self.format, &self.labels);
        loop {
            if stop.is_set() {
                return Ok(false);
            }
            match parts.recv_timeout(interrupt::LOOK) {
                Ok(part) => {
                    writer.write(&part)?;
                    self.done += part.len();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        writer.into_inner().flush()?;
        Ok(true)
    }
}

fn told(error: PredictError, arguments: &Predict) -> Error {
    match error {
        PredictError::Model(error) => Error::trial("no predictions", &error),
        PredictError::Write(source) => Error::write(arguments.to.as_deref().unwrap_or(Path::new("standard output")), &source),
        error @ PredictError::Data(_) if error.is_of_columns() => {
            Error::input(format!("{error}\n  name the column of the text with --text"))
        }
        error => Error::input(error),
    }
}
