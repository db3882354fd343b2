//! `thawline init`

mod guess;
mod images;
mod template;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use trials::{
    data::{Tokenizer, table},
    models::bert::BertConfig,
};

use self::template::{Facts, quoted};
use super::{fetch, read};
use crate::{args::Init, assets, context::Context, exit::Error, progress};

/// At most so many inputs are tokenised to see how long they are.
const MEASURED: usize = 2000;

pub(super) fn run(arguments: &Init, context: &mut Context) -> Result<(), Error> {
    let to = &arguments.to;
    if to.exists() {
        return Err(Error::usage(format!("{} exists already: remove it, or write elsewhere with --to", to.display())));
    }
    let model = locate(&arguments.model, to, context)?;
    let data = locate(&arguments.data, to, context)?;
    let (text, found) = if images::reads_images(&model.path) {
        if arguments.text.is_some() || arguments.label.is_some() {
            return Err(Error::usage("--text and --label name columns of texts, but the model reads images"));
        }
        let facts = images::Facts::gather(&model, &data, &context.program)?;
        (images::render(&facts), format!("{} images, {} classes", facts.images(), facts.classes.len()))
    } else {
        let facts = gather(arguments, &model, &data, &context.program)?;
        let classes = facts.classes.len();
        let pair = facts.pair.as_ref().map(|pair| format!(" and `{pair}`")).unwrap_or_default();
        let found = format!("{} rows, {classes} classes; text in `{}`{pair}, label in `{}`", facts.rows, facts.text, facts.label);
        (template::render(&facts), found)
    };
    write_new(to, &text).map_err(|e| Error::write(to, &e))?;
    context.note(found);
    context.note(format!("wrote {}; next: thawline check {}", to.display(), progress::text::quoted(to)));
    context.say(to.display())
}

/// Something named on the command line, where it is, and how the space names it.
struct Located {
    path: PathBuf,
    ron: String,
}

/// A path, or else the name of an asset.
fn locate(name: &str, space: &Path, context: &mut Context) -> Result<Located, Error> {
    let path = Path::new(name);
    if !path.exists() {
        if assets::find(name).is_some() {
            return Ok(Located { path: fetch::resolve(context, name)?, ron: format!("Asset({})", quoted(name)) });
        }
        let known = assets::NAMES.join(", ");
        return Err(Error::input(format!(
            "{name}: there is no such file or folder, and it is none of the names that `fetch` knows ({known})"
        )));
    }
    let path = std::path::absolute(path).map_err(|e| Error::input(format!("{name}: {e}")))?;
    // Relative to the space, as paths in it are, when it lies beside or below it.
    let folder = std::path::absolute(space).ok().and_then(|space| space.parent().map(Path::to_owned));
    let written = folder.and_then(|folder| path.strip_prefix(folder).ok().map(Path::to_owned)).unwrap_or_else(|| path.clone());
    let written = written.to_str().ok_or_else(|| Error::input(format!("{}: a path in a space must be UTF-8", path.display())))?;
    Ok(Located { ron: format!("Path({})", quoted(written)), path })
}

fn gather(arguments: &Init, model: &Located, data: &Located, program: &Path) -> Result<Facts, Error> {
    read::try_table(&data.path, program)?;
    let whole = table::read(&data.path, None, None).map_err(Error::input)?;
    let cells = |table: table::Table| (table.columns, table.rows.into_iter().map(|row| row.values).collect::<Vec<_>>());
    let delimited = data.path.extension().is_none_or(|e| ["csv", "tsv", "txt"].iter().any(|known| e.eq_ignore_ascii_case(known)));
    let (mut names, mut rows) = cells(whole);
    let headless = delimited && guess::has_no_header(&names, &rows);
    if headless {
        let numbered: Vec<String> = (1..=names.len()).map(|n| format!("column_{n}")).collect();
        (names, rows) = cells(table::read(&data.path, Some(&numbered), None).map_err(Error::input)?);
    }
    let mut found = guess::columns(&names, &rows, arguments.text.as_deref(), arguments.label.as_deref())
        .map_err(|e| Error::input(format!("{}: {e}", data.path.display())))?;
    if headless {
        // Better names than the numbers they had for guessing.
        for (found, name) in [(Some(&mut found.text), "text"), (found.pair.as_mut(), "second_text"), (Some(&mut found.label), "label")] {
            if let Some(found) = found {
                names.iter_mut().filter(|known| *known == found).for_each(|known| name.clone_into(known));
                name.clone_into(found);
            }
        }
    }
    let column = |name: &str| names.iter().position(|n| n == name).unwrap_or(0);
    let texts: Vec<usize> = std::iter::once(found.text.as_str()).chain(found.pair.as_deref()).map(column).collect();
    let label = column(&found.label);
    let whole = |row: &&Vec<Option<String>>| texts.iter().chain([&label]).all(|c| row.get(*c).is_some_and(Option::is_some));
    let complete: Vec<&Vec<Option<String>>> = rows.iter().filter(whole).collect();
    let tokenizer = Tokenizer::from_folder(&model.path).map_err(Error::input)?;
    let about = BertConfig::read(&model.path.join("config.json")).map_err(Error::input)?;
    let mut lengths = lengths(&complete, &texts, &tokenizer, about.max_tokens)?;
    lengths.sort_unstable();
    let classes = guess::classes(&rows, label);
    Ok(Facts {
        model: model.ron.clone(),
        data: data.ron.clone(),
        columns: headless.then(|| names.clone()),
        text: found.text,
        pair: found.pair,
        label: found.label,
        rows: rows.len(),
        missing: rows.len() - complete.len(),
        classes: classes.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
        usual_tokens: lengths.get(lengths.len() * 95 / 100).copied().unwrap_or(0),
        longest_tokens: lengths.last().copied().unwrap_or(0),
        model_tokens: about.max_tokens,
        blocks: about.layers + 1,
    })
}

/// Tokens of some inputs, evenly chosen.
fn lengths(rows: &[&Vec<Option<String>>], texts: &[usize], tokenizer: &Tokenizer, most: usize) -> Result<Vec<usize>, Error> {
    let encoder = tokenizer.encoder(most).map_err(Error::input)?;
    let cell = |row: &[Option<String>], column: usize| row.get(column).cloned().flatten().unwrap_or_default();
    rows.iter()
        .step_by(rows.len().div_ceil(MEASURED).max(1))
        .map(|row| {
            let pair = texts.get(1).map(|column| cell(row, *column));
            encoder.encode(&cell(row, texts[0]), pair.as_deref()).map(|encoded| encoded.ids.len()).map_err(Error::input)
        })
        .collect()
}

/// Writes a file that must not exist, whole or not at all.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = trials::files::temporary(folder, ".space-")?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    fs::File::open(folder)?.sync_all()
}
