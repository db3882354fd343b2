//! Whole runs of the program on images.

mod common;

use std::fs;

use common::{Workplace, names};
use engine::streams::{Purpose, stream};
use trials::{data::pixels::PixelFormat, models::convnet::Untrained};

const SPACE: &str = r#"Sweep(
    model: Path("network"),
    data: Images(
        files: One(Path("shapes-images-idx3-ubyte")),
        side: 12,
        split: (validation: 0.25, test: 0.25),
    ),
    settings: (trials: 4, r_min: Share(0.25), eta: 2, devices: "cpu:2"),
    space: (
        epochs: 4,
        batch_size: Choice([8, 16]),
        optimizer: Sgd(learning_rate: LogUniform(1e-3, 0.1), momentum: 0.9),
        unfreeze: Choice([HeadOnly, Everything, LastBlocks(k: 2)]),
        augment: (flip: 0.5, crop: 1, mix: Choice([Off, MixUp, CutMix])),
        frozen_norm: Choice([Running, Batch]),
    ),
)
"#;

/// A small network, and bars that lie or stand.
fn place() -> Workplace {
    let place = Workplace::new();
    let format = PixelFormat { side: 9, mean: vec![0.5], deviation: vec![0.5] };
    Untrained { widths: [4, 4, 8], depth: 1, format }.write(&place.path("network"), &mut stream(1, 0, Purpose::HeadWeights)).unwrap();
    let count = 120u32;
    let images = (0..count).flat_map(|image| {
        let (at, stands) = (image / 2 % 9, image % 2 == 0);
        (0..81).map(move |pixel| if (if stands { pixel % 9 } else { pixel / 9 }) == at { 255 } else { (pixel * 7 + image) as u8 % 90 })
    });
    let header =
        |kind: u8, sizes: &[u32]| [&[0, 0, 8, kind][..], &sizes.iter().flat_map(|size| size.to_be_bytes()).collect::<Vec<u8>>()].concat();
    let labels = (0..count).map(|image| (image % 2) as u8);
    fs::write(place.path("shapes-images-idx3-ubyte"), header(3, &[count, 9, 9]).into_iter().chain(images).collect::<Vec<u8>>()).unwrap();
    fs::write(place.path("shapes-labels-idx1-ubyte"), header(1, &[count]).into_iter().chain(labels).collect::<Vec<u8>>()).unwrap();
    place.write("space.ron", SPACE);
    place
}

#[test]
fn a_sweep_of_images_ends_and_its_best_config_trains_to_the_same_value() {
    let place = place();
    place.run(&["sweep", "space.ron", "--study", "study"]).succeeded();
    let best = fs::read_to_string(place.path("study/best.ron")).unwrap();
    assert!(best.contains("Images(") && best.contains("augment"), "{best}");
    let page = fs::read_to_string(place.path("study/report/index.html")).unwrap();
    assert!(page.contains("120 images"), "the page says what was read");
    let trained = place.run(&["train", "study/best.ron", "--to", "out"]).succeeded();
    assert!(trained.err.contains("exactly what trial"), "{}", trained.err);
    let files = ["README.md", "config.json", "model.safetensors", "modeling_cifar_resnet.py", "preprocessor_config.json", "thawline.json"];
    assert_eq!(names(&place.path("out")), files);
    let verified = place.run(&["verify", "out", "--train"]).succeeded();
    assert_eq!(verified.out.matches("the same to the last bit").count(), 4, "{}", verified.out);
    // Of images without labels, too.
    fs::create_dir(place.path("new")).unwrap();
    fs::copy(place.path("shapes-images-idx3-ubyte"), place.path("new/some-idx3-ubyte")).unwrap();
    let predicted = place.run(&["predict", "out", "--input", "new/some-idx3-ubyte"]).succeeded();
    let lines: Vec<&str> = predicted.out.lines().collect();
    assert_eq!((lines.len(), lines[0]), (121, "row,image,predicted,probability of 0,probability of 1"));
    let left = names(&place.path("study/artefacts"))
        .into_iter()
        .find(|name| best.contains(&format!("trial: {},", name.split('-').nth(1).unwrap_or_default())));
    let left = fs::read_to_string(place.path("study/artefacts").join(left.unwrap())).unwrap();
    for line in left.lines().skip(1) {
        // split, row, label, predicted, two probabilities
        let fields: Vec<&str> = line.split(',').collect();
        let new: Vec<&str> = lines[fields[1].parse::<usize>().unwrap() + 1].split(',').collect();
        assert_eq!((new[0], new[2]), (fields[1], fields[3]));
        assert!((new[3].parse::<f64>().unwrap() - fields[4].parse::<f64>().unwrap()).abs() < 1e-6, "{line}");
    }
    let format = fs::read_to_string(place.path("out/preprocessor_config.json")).unwrap();
    assert!(format.contains("\"shortest_edge\": 12"), "{format}");
    // What was exported is a model to start from.
    place.write("space.ron", &SPACE.replace("Path(\"network\")", "Path(\"out\")"));
    let check = place.run(&["check", "space.ron", "--probe", "--samples", "1"]).succeeded();
    insta::assert_snapshot!(check.out.lines().take(12).collect::<Vec<_>>().join("\n"), @"
    space.ron: no mistakes

    Model DIR/out: 5 blocks, lowest first
      stem, layer1.0, layer2.0, layer3.0, head

    Data
      DIR/shapes-images-idx3-ubyte: 120 images
      train: 60 examples; 0: 30, 1: 30
      validation: 30 examples; 0: 15, 1: 15
      test: 30 examples; 0: 15, 1: 15
      in memory, decoded: 18 kB
    ");
    assert!(check.out.contains("To expect"), "{}", check.out);
}

#[test]
fn models_and_data_of_two_kinds_are_refused() {
    let place = place();
    place.write("space.ron", &SPACE.replace("Path(\"network\")", "Path(\"model\")"));
    let of_texts = place.run(&["check", "space.ron"]);
    insta::assert_snapshot!(of_texts.err, @"
    error: space.ron:3:11: the model reads texts, but the data are images: write `data: Text(...)`, or take a model of images
      |
    3 |     data: Images(
      |           ^^^^^^^
    ");
    assert_eq!(of_texts.code, 3);
    place.space_with("Path(\"model\")", "Path(\"network\")");
    let of_images = place.run(&["check", "space.ron"]);
    insta::assert_snapshot!(of_images.err, @"
    error: space.ron:3:11: the model reads images, but the data are texts: write `data: Images(...)`, or take a model of texts
      |
    3 |     data: (
      |           ^
    ");
    assert_eq!(of_images.code, 3);
}

#[test]
fn mistakes_about_images_have_places() {
    let place = place();
    place.write(
        "space.ron",
        &SPACE
            .replace("shapes-images", "shape-images")
            .replace("LastBlocks(k: 2)", "LastBlocks(k: 9)")
            .replace("flip: 0.5", "flip: 1.5")
            .replace("side: 12", "side: 4"),
    );
    let refused = place.run(&["sweep", "space.ron", "--study", "study"]);
    insta::assert_snapshot!(refused.err, @"
    error: 3 mistakes

    space.ron:5:15: `side` must be from 8 to 1024, not 4
      |
    5 |         side: 4,
      |               ^

    space.ron:13:63: `k` is 9, but the model has 4 blocks below the head
       |
    13 |         unfreeze: Choice([HeadOnly, Everything, LastBlocks(k: 9)]),
       |                                                               ^
       = help: write 4 or less; its blocks are stem, layer1.0, layer2.0, layer3.0, head

    space.ron:14:25: `flip` must be at least 0 and at most 1, not 1.5
       |
    14 |         augment: (flip: 1.5, crop: 1, mix: Choice([Off, MixUp, CutMix])),
       |                         ^^^

    cannot read DIR/shape-images-idx3-ubyte: No such file or directory (os error 2)
      (`data.files`, space.ron:4:16)
    ");
    assert_eq!(refused.code, 3);
}

#[test]
fn images_that_do_not_fit_into_memory_are_refused_before_they_are_read() {
    let place = place();
    let count = 2_000_000u32;
    let file = |kind: u8, sizes: &[u32]| -> Vec<u8> {
        let header = [0, 0, 8, kind].into_iter().chain(sizes.iter().flat_map(|size| size.to_be_bytes()));
        header.chain((0..count).map(|image| (image % 2) as u8)).collect()
    };
    fs::write(place.path("shapes-images-idx3-ubyte"), file(3, &[count, 1, 1])).unwrap();
    fs::write(place.path("shapes-labels-idx1-ubyte"), file(1, &[count])).unwrap();
    place.write("space.ron", &SPACE.replace("side: 12", "side: 1024"));
    let refused = place.run(&["check", "space.ron"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    let told = refused.err.split(", but the machine has ").next().unwrap();
    insta::assert_snapshot!(told, @"error: space.ron:5:15: 2000000 images of 1024 x 1024 pixels take 2097.2 GB of memory");
}

#[test]
fn a_tar_of_splits_and_a_folder_of_one_class_are_told_with_their_places() {
    let place = place();
    for (name, class) in [("data/train", "cat"), ("data/train", "dog"), ("data/val", "cat"), ("data/val", "bird")] {
        fs::create_dir_all(place.path(name).join(class)).unwrap();
        for index in 0..3 {
            fs::write(place.path(name).join(class).join(format!("{index}.png")), b"\x89PNG").unwrap();
        }
    }
    let check = |files: &str| {
        place.write("space.ron", &SPACE.replace("One(Path(\"shapes-images-idx3-ubyte\"))", files));
        let run = place.run(&["check", "space.ron"]);
        format!("{}\n{}", run.code, run.err)
    };
    insta::assert_snapshot!(check("One(Path(\"data\"))"), @r#"
    3
    error: space.ron:4:16: DIR/data holds folders of splits, not of classes: write `Splits(train: Path("DIR/data/train"), validation: Path("DIR/data/val"))`
      |
    4 |         files: One(Path("data")),
      |                ^^^^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(check("Splits(train: Path(\"data/train\"), validation: Path(\"data/val\"))"), @"
    4
    error: DIR/data/val: 3 images have a label that no training image has (`bird` of bird/0.png, `bird` of bird/1.png, `bird` of bird/2.png); the training labels are `cat`, `dog`
      (`data.files.Splits.validation`, space.ron:4:62)
    ");
}

#[test]
fn values_that_change_nothing_for_the_model_are_told() {
    let place = place();
    place.write(
        "space.ron",
        &SPACE.replace(
            "frozen_norm",
            "dropout: (hidden: Choice([0.0, Ramp(from: 0.2, to: Uniform(0.0, 0.1))]), attention: 0.3), frozen_norm",
        ),
    );
    let searched = place.run(&["check", "space.ron"]);
    insta::assert_snapshot!(searched.err, @"
    error: space.ron:15:27: `dropout.hidden` is searched, but changes nothing in models of images
       |
    15 |         dropout: (hidden: Choice([0.0, Ramp(from: 0.2, to: Uniform(0.0, 0.1))]), attention: 0.3), frozen_norm: Choice([R
       |                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       = help: leave it out: trials would differ in name only
    ");
    assert_eq!(searched.code, 3);
    place.write("space.ron", &SPACE.replace("frozen_norm", "dropout: (hidden: 0.0, attention: 0.3), frozen_norm"));
    let fixed = place.run(&["check", "space.ron"]).succeeded();
    insta::assert_snapshot!(fixed.err, @"note: `dropout.attention` changes nothing in models of images");
    place.space_with("batch_size: Choice([8, 16])", "augment: (flip: Uniform(0.0, 0.5), mix: Choice([Off, MixUp]))");
    let searched = place.run(&["sweep", "space.ron", "--study", "study"]);
    insta::assert_snapshot!(searched.err, @"
    error: 2 mistakes

    space.ron:16:25: `augment.flip` is searched, but changes nothing in models of texts
       |
    16 |         augment: (flip: Uniform(0.0, 0.5), mix: Choice([Off, MixUp])),
       |                         ^^^^^^^^^^^^^^^^^
       = help: leave it out: trials would differ in name only

    space.ron:16:49: `augment.mix` is searched, but changes nothing in models of texts
       |
    16 |         augment: (flip: Uniform(0.0, 0.5), mix: Choice([Off, MixUp])),
       |                                                 ^^^^^^^^^^^^^^^^^^^^
       = help: leave it out: trials would differ in name only
    ");
    assert_eq!(searched.code, 3);
    place.space_with("batch_size: Choice([8, 16])", "augment: (flip: 0.5), frozen_norm: Batch");
    let fixed = place.run(&["check", "space.ron"]).succeeded();
    insta::assert_snapshot!(fixed.err, @"
    note: `augment` changes nothing in models of texts
    note: `frozen_norm` changes nothing in models of texts
    ");
}

#[test]
fn what_init_writes_for_images_passes_check() {
    let place = place();
    let init = place.run(&["init", "shapes-images-idx3-ubyte", "--model", "network", "--to", "new.ron"]).succeeded();
    assert!(init.err.contains("120 images, 2 classes"), "{}", init.err);
    let check = place.run(&["check", "new.ron"]).succeeded();
    assert!(check.out.contains("no mistakes"), "{}", check.out);
    let columns = place.run(&["init", "shapes-images-idx3-ubyte", "--model", "network", "--label", "x", "--to", "other.ron"]);
    assert_eq!(columns.code, 2, "{}", columns.err);
}
