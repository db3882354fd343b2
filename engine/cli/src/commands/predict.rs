//! `thawline predict`

use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use engine::devices::{self, Device};
use search_spaces::data::{Data, Missing, TextColumns, Unreadable};
use tempfile::NamedTempFile;
use trials::{
    data::Tokenizer,
    hub::{
        Trained,
        manifest::{self, Manifest},
    },
    models::Takes,
    predict::{self, Columns, Format, Inputs, Pictures, PredictError, Texts, Writer},
};

use super::{interrupt, read, setup};
use crate::{
    args::{Predict, PredictFormat},
    context::Context,
    exit::Error,
};

/// Columns that hold the text in most files, for a model that says nothing of its own.
const USUAL: &str = "text";

pub(super) fn run(arguments: &Predict, context: &mut Context) -> Result<(), Error> {
    let device = setup::device(&arguments.device)?;
    // Any Hugging Face classifier will do; one of ours says how its texts and images were read.
    let manifest =
        if arguments.model.join(manifest::FILE).exists() { Some(Manifest::read(&arguments.model).map_err(Error::input)?) } else { None };
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
    let out = Out::open(arguments)?;
    read::try_unlabelled(&arguments.input, matches!(trained.base.takes(), Takes::Pixels(_)), &context.program)?;
    let inputs = inputs(arguments, manifest.as_ref(), &trained)?;
    for note in inputs.notes() {
        context.note(note);
    }
    let count = inputs.len();
    let done = write(trained, inputs, out, arguments, device, context)?;
    context.note(format!("{done} of {count} {}", if done == 1 { "prediction" } else { "predictions" }));
    if let Some(to) = &arguments.to { context.say(to.display()) } else { Ok(()) }
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

/// Where predictions go: a file that appears whole or not at all, or standard output.
enum Out {
    File(NamedTempFile),
    Standard,
}

impl Out {
    /// Before the work, which a place that cannot be written to would make vain.
    fn open(arguments: &Predict) -> Result<Out, Error> {
        let Some(to) = &arguments.to else { return Ok(Out::Standard) };
        if to.is_dir() {
            return Err(Error::usage(format!("--to {}: this is a folder; write the name of a file", to.display())));
        }
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(Error::usage(format!("--to {}: there is no folder {}", to.display(), folder.display())));
        }
        trials::files::temporary(folder, ".predictions-").map(Out::File).map_err(|e| Error::write(to, &e))
    }
}

/// Predicts and writes; gives the number of predictions.
fn write(trained: Trained, inputs: Inputs, out: Out, arguments: &Predict, device: Device, context: &mut Context) -> Result<usize, Error> {
    let interrupts = interrupt::watch()?;
    let stop = interrupts.finish.clone();
    let labels = trained.labels.clone();
    let (sender, parts) = crossbeam_channel::bounded(1);
    // An accelerator computes; the threads only prepare what it reads.
    let threads = if device == Device::Cpu { devices::cores() } else { 1 };
    let work = std::thread::spawn(move || {
        let mut trained = trained;
        predict::run(&mut trained, inputs, threads, &mut |part| Ok(!stop.is_set() && sender.send(part).is_ok()))
    });
    let failed = |e: &io::Error| match &arguments.to {
        Some(to) => Error::write(to, e),
        None => Error::environment(format!("cannot write to standard output: {e}")),
    };
    let mut done = 0;
    let take = |to: &mut dyn Write| -> io::Result<()> {
        let mut writer = Writer::new(to, format(arguments), &labels);
        for part in parts {
            writer.write(&part)?;
            done += part.len();
        }
        writer.into_inner().flush()
    };
    let file = match out {
        Out::File(file) => {
            take(&mut BufWriter::new(file.as_file())).map_err(|e| failed(&e))?;
            Some(file)
        }
        Out::Standard => {
            match take(&mut context.out) {
                // A reader that has gone is no error of ours.
                Err(e) if e.kind() != io::ErrorKind::BrokenPipe => return Err(failed(&e)),
                _ => None,
            }
        }
    };
    let ended = work.join().map_err(|_| Error::failed("a panic: this is an error in the program"))?;
    if interrupts.finish.is_set() {
        return Err(Error::interrupted("interrupted: not all predictions were made"));
    }
    ended.map_err(|error| told(error, arguments))?;
    if let (Some(file), Some(to)) = (file, &arguments.to) {
        file.as_file().sync_all().map_err(|e| failed(&e))?;
        file.persist(to).map_err(|e| failed(&e.error))?;
    }
    Ok(done)
}

fn format(arguments: &Predict) -> Format {
    match (arguments.format, &arguments.to) {
        (Some(PredictFormat::Jsonl), _) => Format::JsonLines,
        (None, Some(to)) if to.extension().is_some_and(|ending| ending == "jsonl" || ending == "ndjson") => Format::JsonLines,
        (Some(PredictFormat::Csv) | None, _) => Format::Csv,
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
