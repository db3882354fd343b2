//! The config: what the search may set.
//!
//! What is left out is as in the literature's default recipe for fine-tuning BERT: AdamW at 5e-5 with weight decay 0.01, 10 % warm-up and
//! linear decay, 3 epochs of batches of 16 (Devlin et al. 2019, and Hugging Face's Trainer). Constants of optimizers are those of `torch.optim`.

use super::{
    AT_LEAST_ONE, BELOW_ONE, BOOL, COUNT, COUNT_OR_ZERO, Enum, Field, INSIDE_UNIT, Kind, NOT_NEGATIVE, POSITIVE, SHARE, SMALL_COUNT,
    Struct, UNIT, field, newtype, record, required, unit,
};

pub(crate) static CONFIG: Kind = Kind::Struct(&Struct {
    name: "Config",
    fields: &[
        field("epochs", &SMALL_COUNT, "3"),
        field("batch_size", &SMALL_COUNT, "16"),
        field("optimizer", &OPTIMIZER, "AdamW(learning_rate: 5e-5)"),
        field("decay_on", &DECAY_ON, "Matrices"),
        field("schedule", &SCHEDULE, "Linear(end: 0.0)"),
        field("warmup", &BELOW_ONE, "0.1"),
        field("unfreeze", &UNFREEZE, "Everything"),
        field("adapter", &ADAPTER, "Off"),
        field("dropout", &DROPOUT, "()"),
        field("label_smoothing", &BELOW_ONE, "0.0"),
        field("clip_norm", &Kind::Option(&POSITIVE), "Some(1.0)"),
        field("layer_decay", &SHARE, "1.0"),
        field("early_stopping", &Kind::Option(&EARLY_STOPPING), "None"),
        field("keep", &KEEP, "Best"),
        field("class_weights", &CLASS_WEIGHTS, "Off"),
        field("micro_batch", &Kind::Option(&SMALL_COUNT), "None"),
        field("augment", &AUGMENT, "()"),
        field("frozen_norm", &FROZEN_NORM, "Running"),
    ],
});

static OPTIMIZER: Kind = Kind::Enum(&Enum {
    what: "an optimizer",
    variants: &[
        record(
            "Sgd",
            &[
                required("learning_rate", &POSITIVE),
                field("momentum", &BELOW_ONE, "0.0"),
                field("nesterov", &BOOL, "false"),
                field("l2", &NOT_NEGATIVE, "0.0"),
            ],
        ),
        record("Adam", &[required("learning_rate", &POSITIVE), BETA1, BETA2, EPSILON, field("l2", &NOT_NEGATIVE, "0.0")]),
        record("AdamW", &[required("learning_rate", &POSITIVE), BETA1, BETA2, EPSILON, field("weight_decay", &NOT_NEGATIVE, "0.01")]),
        record(
            "RmsProp",
            &[
                required("learning_rate", &POSITIVE),
                field("alpha", &BELOW_ONE, "0.99"),
                EPSILON,
                field("momentum", &BELOW_ONE, "0.0"),
                field("centered", &BOOL, "false"),
                field("l2", &NOT_NEGATIVE, "0.0"),
            ],
        ),
    ],
    bare: None,
});

const BETA1: Field = field("beta1", &BELOW_ONE, "0.9");
const BETA2: Field = field("beta2", &BELOW_ONE, "0.999");
const EPSILON: Field = field("epsilon", &POSITIVE, "1e-8");
const MIN_DELTA: Field = field("min_delta", &NOT_NEGATIVE, "0.0");

static DECAY_ON: Kind = Kind::Enum(&Enum { what: "what decay applies to", variants: &[unit("Matrices"), unit("Everything")], bare: None });

static SCHEDULE: Kind = Kind::Enum(&Enum {
    what: "a schedule",
    variants: &[
        unit("Constant"),
        record("Linear", &[field("end", &UNIT, "0.0")]),
        record("Cosine", &[field("end", &UNIT, "0.0")]),
        record(
            "OneCycle",
            &[
                field("peak_at", &INSIDE_UNIT, "0.3"),
                field("start_divisor", &AT_LEAST_ONE, "25.0"),
                field("end_divisor", &AT_LEAST_ONE, "10000.0"),
            ],
        ),
        record("SlantedTriangular", &[field("cut", &INSIDE_UNIT, "0.1"), field("ratio", &AT_LEAST_ONE, "32.0")]),
        record("Step", &[field("every", &POSITIVE, "1.0"), field("factor", &SHARE, "0.1")]),
        record("Exponential", &[field("factor", &SHARE, "0.5")]),
        record(
            "Plateau",
            &[field("factor", &INSIDE_UNIT, "0.1"), field("patience", &COUNT_OR_ZERO, "2"), MIN_DELTA, field("floor", &UNIT, "0.0")],
        ),
    ],
    bare: None,
});

static UNFREEZE: Kind = Kind::Enum(&Enum {
    what: "an unfreeze schedule",
    variants: &[
        unit("HeadOnly"),
        unit("Everything"),
        record("LastBlocks", &[required("k", &COUNT)]),
        record("Progressive", &[START, BLOCKS, field("every", &POSITIVE, "1.0")]),
        record("Gradual", &[START, BLOCKS, field("patience", &COUNT, "2"), MIN_DELTA, field("rewarm", &NOT_NEGATIVE, "0.2")]),
    ],
    bare: None,
});

const START: Field = field("start", &COUNT_OR_ZERO, "1");
const BLOCKS: Field = field("blocks", &COUNT, "1");

static ADAPTER: Kind = Kind::Enum(&Enum {
    what: "a way to adapt blocks",
    variants: &[
        unit("Off"),
        record(
            "Lora",
            &[
                required("rank", &SMALL_COUNT),
                field("alpha", &POSITIVE, "16.0"),
                field("dropout", &BELOW_ONE, "0.0"),
                field("projections", &PROJECTIONS, "QueryValue"),
            ],
        ),
    ],
    bare: None,
});

static PROJECTIONS: Kind =
    Kind::Enum(&Enum { what: "which projections to adapt", variants: &[unit("QueryValue"), unit("All")], bare: None });

static DROPOUT: Kind = Kind::Struct(&Struct {
    name: "Dropout",
    fields: &[field("hidden", &RATE, "0.1"), field("attention", &RATE, "0.1"), field("classifier", &RATE, "0.1")],
});

static RATE: Kind = Kind::Enum(&Enum {
    what: "a dropout rate",
    variants: &[
        newtype("Constant", &BELOW_ONE),
        record("Ramp", &[required("from", &BELOW_ONE), required("to", &BELOW_ONE), field("until", &SHARE, "1.0")]),
        record("Early", &[required("rate", &BELOW_ONE), required("until", &SHARE)]),
    ],
    bare: Some(("Constant", &BELOW_ONE)),
});

static EARLY_STOPPING: Kind = Kind::Struct(&Struct { name: "EarlyStopping", fields: &[required("patience", &COUNT), MIN_DELTA] });

static KEEP: Kind = Kind::Enum(&Enum { what: "which weights to keep", variants: &[unit("Best"), unit("Last")], bare: None });

static CLASS_WEIGHTS: Kind = Kind::Enum(&Enum { what: "what each class counts", variants: &[unit("Off"), unit("Balanced")], bare: None });

static AUGMENT: Kind = Kind::Struct(&Struct {
    name: "Augment",
    fields: &[
        field("flip", &UNIT, "0.0"),
        field("crop", &COUNT_OR_ZERO, "0"),
        field("jitter", &UNIT, "0.0"),
        field("erase", &UNIT, "0.0"),
        field("mix", &MIX, "Off"),
    ],
});

static MIX: Kind = Kind::Enum(&Enum {
    what: "a way of mixing",
    variants: &[unit("Off"), record("MixUp", &[field("alpha", &POSITIVE, "0.2")]), record("CutMix", &[field("alpha", &POSITIVE, "1.0")])],
    bare: None,
});

static FROZEN_NORM: Kind =
    Kind::Enum(&Enum { what: "which statistics frozen blocks use", variants: &[unit("Running"), unit("Batch")], bare: None });
