//! Every example of the page is read.

use std::path::Path;

use search_spaces::{claim::ConfigFile, space::Space};

const PAGE: &str = include_str!("../README.md");

#[test]
fn every_example_is_right() {
    let examples: Vec<&str> = PAGE.split("```ron\n").skip(1).map(|rest| rest.split("```").next().expect("an end of the example")).collect();
    assert!(examples.len() >= 10, "only {} examples", examples.len());
    let path = Path::new("README.md");
    let (model, data) = ("model: Asset(\"m\"),", "data: Text(files: One(Asset(\"d\"))),");
    for example in examples {
        let read = |text: String| Space::parse(path, &text).map(drop);
        let result = match example.split(['(', ':']).next().unwrap_or_default() {
            "Sweep" => read(example.to_string()),
            "Train" => ConfigFile::parse(path, example).map(drop),
            "data" => read(format!("Sweep({model} {example} space: ())")),
            "constraints" => {
                let grouped = "data: Text(files: One(Asset(\"d\")), group: \"genre\"),";
                read(format!("Sweep({model} {grouped} {example} space: ())"))
            }
            "objective" | "recipes" => read(format!("Sweep({model} {data} {example} space: ())")),
            _ => read(format!("Sweep({model} {data} space: ({example}))")),
        };
        if let Err(problems) = result {
            panic!("{problems}");
        }
    }
}

#[test]
fn the_example_of_the_front_page_is_right() {
    const FRONT_PAGE: &str = include_str!("../../README.md");
    let example = FRONT_PAGE.split("```ron\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let space = Space::parse(Path::new("README.md"), example).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(space.parameters.len() > 10);
}

/// The page shows the defaults: writing them out changes nothing.
#[test]
fn the_defaults_are_those_of_the_page() {
    let path = Path::new("space.ron");
    let example = |heading: &str| {
        let section = PAGE.split(heading).nth(1).expect("the section");
        section.split("```ron\n").nth(1).expect("an example").split("```").next().expect("its end").to_string()
    };
    let (space, how) = (example("## The space"), example("## How to search"));
    let (model, data) = ("model: Asset(\"m\"),", "data: Text(files: One(Asset(\"d\"))),");
    let written = Space::parse(path, &format!("Sweep({model} {data} {how} space: ({space}))")).unwrap_or_else(|error| panic!("{error}"));
    let left_out = Space::parse(path, &format!("Sweep({model} {data} space: ())")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(written.difference(&left_out), Vec::<String>::new());
    assert_eq!(written.settings, left_out.settings);
}
