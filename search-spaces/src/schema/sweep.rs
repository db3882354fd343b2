//! Everything in a file beside the config: model, data, objective, settings, recipes; and the whole of a config file.

use super::{
    COUNT, Enum, Kind, POSITIVE, Payload, SEED, SHARE, SMALL_COUNT, Struct, TEXT, Variant, config::CONFIG, field, integer, newtype, real,
    required, unit,
};

pub(crate) static SWEEP: Struct = Struct {
    name: "Sweep",
    fields: &[
        required("model", &LOCATION),
        required("data", &DATA),
        field("objective", &OBJECTIVE, "Maximize(Accuracy)"),
        field("second", &Kind::Option(&SECOND), "None"),
        field("constraints", &Kind::List(&CONSTRAINT), "[]"),
        field("settings", &SETTINGS, "()"),
        required("space", &CONFIG),
        field("recipes", &Kind::List(&RECIPE), "[]"),
    ],
};

/// What `thawline train` reads.
pub(crate) static CONFIG_FILE: Struct = Struct {
    name: "Train",
    fields: &[
        required("model", &LOCATION),
        required("data", &DATA),
        field("objective", &OBJECTIVE, "Maximize(Accuracy)"),
        required("config", &CONFIG),
        field("ladder", &LADDER, "(eta: 3, rungs: [1])"),
        field("eval_every", &SHARE_OF_PASS, "0.25"),
        field("seed", &SEED, "0"),
        field("trial", &integer(0, u32::MAX as i64), "0"),
        field("threads", &Kind::Option(&integer(1, 4096)), "None"),
        field("claim", &Kind::Option(&CLAIM), "None"),
    ],
};

static LADDER: Kind = Kind::Struct(&Struct {
    name: "Ladder",
    fields: &[
        required("eta", &integer(2, 1000)),
        required("rungs", &Kind::List(&integer(1, i64::MAX))),
        field("kind", &RUNGS, "EqualData"),
    ],
});

static CLAIM: Kind = Kind::Struct(&Struct {
    name: "Claim",
    fields: &[
        required("study", &TEXT),
        required("value", &real(f64::NEG_INFINITY, true, f64::INFINITY, true, "a number")),
        required("step", &integer(0, i64::MAX)),
        field("rule", &Kind::Option(&TEXT), "None"),
    ],
});

static LOCATION: Kind =
    Kind::Enum(&Enum { what: "a place of files", variants: &[newtype("Path", &TEXT), newtype("Asset", &TEXT)], bare: None });

static DATA: Kind = Kind::Enum(&Enum {
    what: "a kind of data",
    variants: &[newtype("Text", &TEXT_DATA), newtype("Images", &IMAGE_DATA)],
    bare: Some(("Text", &TEXT_DATA)),
});

static TEXT_DATA: Kind = Kind::Struct(&Struct {
    name: "Text",
    fields: &[
        required("files", &FILES),
        field("columns", &Kind::Option(&Kind::List(&TEXT)), "None"),
        field("text", &TEXT_COLUMNS, "\"text\""),
        field("label", &TEXT, "\"label\""),
        field("group", &Kind::Option(&TEXT), "None"),
        field("split", &SPLIT, "()"),
        field("missing", &MISSING, "Reject"),
        field("max_tokens", &integer(3, 65_536), "128"),
        field("max_train", &Kind::Option(&COUNT), "None"),
        field("max_validation", &Kind::Option(&COUNT), "None"),
    ],
});

static IMAGE_DATA: Kind = Kind::Struct(&Struct {
    name: "Images",
    fields: &[
        required("files", &FILES),
        field("side", &Kind::Option(&integer(8, 1024)), "None"),
        field("split", &SPLIT, "()"),
        field("unreadable", &UNREADABLE, "Reject"),
        field("max_train", &Kind::Option(&COUNT), "None"),
        field("max_validation", &Kind::Option(&COUNT), "None"),
    ],
});

static UNREADABLE: Kind =
    Kind::Enum(&Enum { what: "what to do with unreadable images", variants: &[unit("Reject"), unit("Drop")], bare: None });

static FILES: Kind = Kind::Enum(&Enum {
    what: "files of data",
    variants: &[
        newtype("One", &LOCATION),
        Variant {
            name: "Splits",
            payload: Payload::Struct(&[
                required("train", &LOCATION),
                field("validation", &Kind::Option(&LOCATION), "None"),
                field("test", &Kind::Option(&LOCATION), "None"),
            ]),
        },
    ],
    bare: None,
});

static TEXT_COLUMNS: Kind = Kind::Enum(&Enum {
    what: "one or two columns",
    variants: &[newtype("One", &TEXT), Variant { name: "Pair", payload: Payload::Tuple(&[&TEXT, &TEXT]) }],
    bare: Some(("One", &TEXT)),
});

static SPLIT: Kind = Kind::Struct(&Struct {
    name: "Split",
    fields: &[field("validation", &SPLIT_SHARE, "0.15"), field("test", &SPLIT_SHARE, "0.15"), field("seed", &SEED, "0")],
});

static SPLIT_SHARE: Kind = real(0.0, false, 1.0, true, "at least 0 and below 1");

static MISSING: Kind = Kind::Enum(&Enum {
    what: "what to do with missing values",
    variants: &[unit("Reject"), unit("Drop"), newtype("Fill", &TEXT)],
    bare: None,
});

static OBJECTIVE: Kind = Kind::Enum(&Enum {
    what: "an objective",
    variants: &[newtype("Maximize", &METRIC), newtype("Minimize", &METRIC)],
    bare: Some(("Exactly", &OBJECTIVE_RECORD)),
});

/// As it is written in config files.
static OBJECTIVE_RECORD: Kind =
    Kind::Struct(&Struct { name: "Objective", fields: &[required("metric", &METRIC), required("direction", &DIRECTION)] });

static SECOND: Kind =
    Kind::Enum(&Enum { what: "a second objective", variants: &[newtype("Maximize", &MEASURE), newtype("Minimize", &MEASURE)], bare: None });

static MEASURE: Kind = Kind::Enum(&Enum {
    what: "a measure",
    variants: &[
        unit("Accuracy"),
        unit("MacroF1"),
        unit("Matthews"),
        unit("Loss"),
        newtype("Custom", &Kind::MetricName),
        unit("TrainableParameters"),
        unit("SecondsPerEpoch"),
        unit("CheckpointBytes"),
        unit("GroupGap"),
    ],
    bare: None,
});

static CONSTRAINT: Kind = Kind::Enum(&Enum {
    what: "a constraint",
    variants: &[
        newtype("TrainableParameters", &integer(1, i64::MAX)),
        newtype("SecondsPerEpoch", &POSITIVE),
        newtype("CheckpointBytes", &integer(1, i64::MAX)),
        newtype("GroupGap", &SHARE),
    ],
    bare: None,
});

static METRIC: Kind = Kind::Enum(&Enum {
    what: "a metric",
    variants: &[unit("Accuracy"), unit("MacroF1"), unit("Matthews"), unit("Loss"), newtype("Custom", &Kind::MetricName)],
    bare: None,
});

static DIRECTION: Kind = Kind::Enum(&Enum { what: "a direction", variants: &[unit("Maximize"), unit("Minimize")], bare: None });

static SETTINGS: Kind = Kind::Struct(&Struct {
    name: "Settings",
    fields: &[
        field("trials", &SMALL_COUNT, "32"),
        field("budget", &Kind::Option(&Kind::Duration), "None"),
        field("eta", &integer(2, 1000), "3"),
        field("r_min", &RESOURCE, "Auto"),
        field("rungs", &RUNGS, "EqualData"),
        field("seed", &SEED, "0"),
        field("sampler", &SAMPLER, "Forest"),
        field("scheduler", &SCHEDULER, "FreezeThaw"),
        field("finalists", &integer(0, 100), "3"),
        field("finalist_seeds", &integer(1, 100), "3"),
        field("folds", &Kind::Option(&integer(2, 100)), "None"),
        field("devices", &Kind::Option(&TEXT), "None"),
        field("eval_every", &SHARE_OF_PASS, "0.25"),
        field("checkpoint_every", &Kind::Duration, "\"3m\""),
        field("checkpoint_space", &Kind::Option(&Kind::Bytes), "None"),
        field("target", &Kind::Option(&ANY_NUMBER), "None"),
        field("stall_after", &Kind::Duration, "\"30m\""),
    ],
});

static ANY_NUMBER: Kind = real(-1e300, false, 1e300, false, "a number");

static SHARE_OF_PASS: Kind = real(1e-6, false, 1e6, false, "at least 1e-6 (passes over the training data)");

static RESOURCE: Kind = Kind::Enum(&Enum {
    what: "an amount of training",
    variants: &[newtype("Epochs", &POSITIVE), newtype("Examples", &integer(1, i64::MAX)), newtype("Share", &SHARE), unit("Auto")],
    bare: None,
});

static RUNGS: Kind = Kind::Enum(&Enum { what: "a kind of rungs", variants: &[unit("EqualData"), unit("EqualCost")], bare: None });

static SAMPLER: Kind = Kind::Enum(&Enum {
    what: "a sampler",
    variants: &[unit("Random"), unit("Grid"), unit("Sobol"), unit("Tpe"), unit("Forest")],
    bare: None,
});

static SCHEDULER: Kind = Kind::Enum(&Enum {
    what: "a scheduler",
    variants: &[
        unit("FreezeThaw"),
        unit("Asha"),
        unit("SuccessiveHalving"),
        unit("Hyperband"),
        unit("Pasha"),
        unit("MedianRule"),
        unit("None"),
    ],
    bare: None,
});

static RECIPE: Kind = Kind::Struct(&Struct { name: "Recipe", fields: &[required("name", &TEXT), required("config", &CONFIG)] });
