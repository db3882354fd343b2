//! `thawline watch`: a dashboard over a study, from another terminal.

mod board;
mod details;
mod draw;
mod history;
mod log;
mod model;
#[cfg(test)]
pub(in crate::commands) mod sample;
mod screen;
#[cfg(test)]
mod tests;
mod ui;
mod view;

use std::{io, time::Duration};

use engine::clock::Stopwatch;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{self, Event},
};

use crate::{args::Watch, context::Context, exit::Error, progress::text};
use draw::{Theme, draw};
use model::Model;
use screen::Screen;
use ui::{Act, Ui};

/// Seconds between two looks at the study.
const LOOK_EVERY: f64 = 1.0;
/// A look at a large study takes longer: this share of the time at most goes into looking.
const SHARE: f64 = 0.05;
/// How soon a signal is seen.
const NAP: Duration = Duration::from_millis(100);
/// Columns and rows of a frame that no terminal shows.
const SIZE: (u16, u16) = (120, 40);

pub(super) fn run(arguments: &Watch, context: &mut Context) -> Result<(), Error> {
    let mut model = Model::open(&arguments.study)?;
    let theme = Theme { colours: context.colours };
    if arguments.once {
        return once(&mut model, context);
    }
    if !context.screen {
        let study = text::quoted(&arguments.study);
        return Err(Error::usage(format!(
            "standard output is no terminal that can be drawn on: `thawline status {study}` says how far the study is, \
             and `thawline watch {study} --once` prints one picture of it"
        )));
    }
    let mut screen = Screen::enter()?;
    let ended = watch(&mut model, theme, &mut screen);
    drop(screen);
    ended
}

/// Until the user has seen enough.
fn watch(model: &mut Model, theme: Theme, screen: &mut Screen) -> Result<(), Error> {
    let mut ui = Ui::default();
    let (mut looked, mut cost) = (Stopwatch::start(), 0.0);
    let mut view = None;
    let mut stale = true;
    loop {
        let looking = looked.seconds() >= LOOK_EVERY.max(cost / SHARE);
        if looking {
            looked = Stopwatch::start();
            model.refresh();
        }
        let reading = model.read_history();
        if stale || looking || reading {
            // What was last known stays, where nothing can be read.
            view = model.view(&ui).or(view);
            if let Some(view) = &view {
                screen.terminal.draw(|frame| draw(view, theme, frame)).map_err(terminal_error)?;
            }
            stale = false;
        }
        if looking {
            cost = looked.seconds();
        }
        if screen.is_terminated() {
            return Err(Error::interrupted(""));
        }
        if !event::poll(if reading { Duration::ZERO } else { NAP }).map_err(terminal_error)? {
            continue;
        }
        let act = match event::read().map_err(terminal_error)? {
            Event::Key(key) => {
                let extent = view.as_ref().map(view::View::extent).unwrap_or_default();
                ui.key(key, model.order(), extent)
            }
            Event::Resize(..) => Act::Draw,
            _ => Act::Nothing,
        };
        match act {
            Act::Nothing => {}
            Act::Draw => stale = true,
            Act::Quit => return Ok(()),
            Act::Suspend => {
                screen.suspend()?;
                stale = true;
            }
            Act::Redraw => {
                screen.terminal.clear().map_err(terminal_error)?;
                stale = true;
            }
        }
    }
}

/// One frame as text.
fn once(model: &mut Model, context: &mut Context) -> Result<(), Error> {
    while model.read_history() {}
    let Some(view) = model.view(&Ui::default()) else { return Err(Error::failed("the study cannot be shown")) };
    let size = if context.screen { ratatui::crossterm::terminal::size().unwrap_or(SIZE) } else { SIZE };
    context.say(picture(&view, size))
}

/// Without colours and without blanks at the ends of lines.
fn picture(view: &view::View, (columns, rows): (u16, u16)) -> String {
    let mut terminal = match Terminal::new(TestBackend::new(columns, rows)) {
        Ok(terminal) => terminal,
        Err(never) => match never {},
    };
    if let Err(never) = terminal.draw(|frame| draw(view, Theme { colours: false }, frame)) {
        match never {}
    }
    let buffer = terminal.backend().buffer();
    let line = |row: u16| -> String {
        let mut line = String::new();
        let mut column = 0;
        while column < columns {
            let symbol = buffer[(column, row)].symbol();
            line.push_str(symbol);
            // One that is two columns wide covers the next.
            column += console::measure_text_width(symbol).max(1) as u16;
        }
        line.trim_end().to_owned()
    };
    (0..rows).map(line).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn terminal_error(error: io::Error) -> Error {
    Error::environment(format!("the terminal cannot be used: {error}"))
}
