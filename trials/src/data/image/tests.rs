//! Images of every kind of source, good and bad, through [`load`].

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use candle_core::Device;
use engine::streams::{Purpose, stream};
use image::{ImageFormat, Rgb, RgbImage};
use search_spaces::{
    config::{Augment, Mix},
    data::{Files, ImageData, Location, Split, Unreadable},
};
use tempfile::TempDir;

use super::*;
use crate::data::{DataError, Task, batch::Batch, pixels::PixelFormat};

const FORMAT: fn() -> PixelFormat = || PixelFormat { side: 8, mean: vec![0.5; 3], deviation: vec![0.25; 3] };

fn png(red: u8, seed: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::from_fn(8, 8, |x, y| Rgb([red, seed, (x + 8 * y) as u8])).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// Ten images each of `cat` (dark) and `dog` (red).
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, red) in [("cat", 0), ("dog", 255)] {
        fs::create_dir_all(folder.path().join("all").join(class)).unwrap();
        for index in 0..10 {
            fs::write(folder.path().join(format!("all/{class}/{index}.png")), png(red, index)).unwrap();
        }
    }
    // What the system puts there is no image.
    fs::write(folder.path().join("all/cat/.DS_Store"), b"x").unwrap();
    fs::write(folder.path().join("all/README.txt"), b"x").unwrap();
    folder
}

fn data(path: PathBuf) -> ImageData {
    ImageData {
        files: Files::One(Location::Path(path)),
        side: None,
        split: Split { validation: 0.2, test: 0.2, seed: 1 },
        unreadable: Unreadable::Reject,
        max_train: None,
        max_validation: None,
    }
}

fn tar(folder: &Path, inner: &str) -> PathBuf {
    let path = folder.join("all.tar");
    let mut archive = tar::Builder::new(fs::File::create(&path).unwrap());
    archive.append_dir_all(inner, folder.join("all")).unwrap();
    archive.finish().unwrap();
    path
}

fn pixels(batch: &Batch) -> Vec<f32> {
    batch.pixels().unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn told(error: &DataError, folder: &TempDir) -> String {
    error.to_string().replace(folder.path().to_str().unwrap(), "DIR")
}

#[test]
fn folders_and_tars_give_the_same_task() {
    let folder = folder();
    let (task, report) = load(&data(folder.path().join("all")), &FORMAT()).unwrap();
    assert_eq!((task.train.len(), task.validation.len(), task.test.len()), (12, 4, 4));
    assert_eq!(task.labels, ["cat", "dog"]);
    insta::assert_snapshot!(report.to_string().replace(folder.path().to_str().unwrap(), "DIR"), @"
    DIR/all: 20 images
      passed over: 2 files that are hidden or no images (README.txt, cat/.DS_Store)
    train: 12 examples; cat: 6, dog: 6
    validation: 4 examples; cat: 2, dog: 2
    test: 4 examples; cat: 2, dog: 2
    in memory, decoded: 4 kB
    ");
    let plain = tar(folder.path(), ".");
    assert_eq!(load(&data(plain), &FORMAT()).unwrap().0.hash(), task.hash());
    let inner = tar(folder.path(), "some/train").join("some/train");
    assert_eq!(load(&data(inner), &FORMAT()).unwrap().0.hash(), task.hash());

    let batch = task.train.batch(&[0], &Device::Cpu).unwrap();
    let red = if task.train.label(0) == 0 { 0.0 } else { 1.0 };
    assert_eq!(batch.pixels().unwrap().dims(), [1, 8, 8, 3]);
    assert_eq!(pixels(&batch)[0], (red - 0.5) / 0.25);
}

#[test]
fn photos_are_turned_alike_in_folders_and_tars() {
    let folder = folder();
    let all = folder.path().join("all");
    let mut jpeg = Cursor::new(Vec::new());
    RgbImage::from_fn(16, 16, |x, _| Rgb([if x < 8 { 0 } else { 255 }; 3])).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    fs::write(all.join("cat/0.png"), super::decode::tests::turned(jpeg.get_ref(), 6)).unwrap();
    let data = ImageData { split: Split { validation: 0.1, test: 0.1, seed: 1 }, ..data(all) };
    let (task, report) = load(&data, &FORMAT()).unwrap();
    assert!(report.to_string().contains("1 image turned as the camera noted (EXIF)"), "{report}");
    let tar = ImageData { files: Files::One(Location::Path(tar(folder.path(), "."))), ..data.clone() };
    assert_eq!(load(&tar, &FORMAT()).unwrap().0.hash(), task.hash());
}

#[test]
fn what_is_no_image_is_passed_over_and_told() {
    let folder = folder();
    let all = folder.path().join("all");
    let before = load(&data(all.clone()), &FORMAT()).unwrap().0.hash();
    for name in ["cat/Thumbs.db", "cat/desktop.ini", "dog/notes.txt", "dog/.hidden/1.png", "cat/._3.png", "__MACOSX/cat/1.png", "7.png"] {
        fs::create_dir_all(all.join(name).parent().unwrap()).unwrap();
        fs::write(all.join(name), if name == "7.png" { png(0, 7) } else { b"x".to_vec() }).unwrap();
    }
    // Without an ending its content tells.
    fs::rename(all.join("cat/3.png"), all.join("cat/3")).unwrap();
    let expected = "
    DIR/all: 20 images
      passed over: 8 files that are hidden or no images (README.txt, __MACOSX, cat/.DS_Store, cat/._3.png, cat/Thumbs.db and 3 more)
      passed over: 1 image in no folder of a class (7.png)
    "
    .trim()
    .replace("\n    ", "\n");
    for path in [all.clone(), tar(folder.path(), ".")] {
        let (task, report) = load(&data(path), &FORMAT()).unwrap();
        let told = report.to_string().replace(folder.path().to_str().unwrap(), "DIR").replace("all.tar", "all");
        assert_eq!(told.lines().take(3).collect::<Vec<_>>().join("\n"), expected);
        assert_eq!(task.hash(), before);
    }
    // What claims to be an image is one that cannot be read.
    fs::write(all.join("cat/x.WEBP"), b"RIFF").unwrap();
    let error = load(&data(all), &FORMAT()).unwrap_err();
    assert!(told(&error, &folder).contains("DIR/all: cat/x.WEBP: "), "{error}");
}

#[test]
fn a_tar_that_is_cut_between_its_files_is_refused() {
    let folder = folder();
    let path = tar(folder.path(), ".");
    let whole = fs::read(&path).unwrap();
    let end = 512 * (whole.len().div_ceil(512) - whole.rchunks(512).take_while(|block| block.iter().all(|byte| *byte == 0)).count());
    let error = |length: usize| {
        fs::write(&path, &whole[..length]).unwrap();
        told(&load(&data(path.join("all")), &FORMAT()).unwrap_err(), &folder)
    };
    insta::assert_snapshot!(error(end), @"cannot read DIR/all.tar: it is cut short: a tar ends with blocks of zeros that are not there; copy or fetch it again");
    insta::assert_snapshot!(error(end / 1024 * 512 + 100), @"cannot read DIR/all.tar: unexpected EOF during skip");
    insta::assert_snapshot!(error(0), @"cannot read DIR/all.tar: it is cut short: a tar ends with blocks of zeros that are not there; copy or fetch it again");
    // One block of zeros is enough: nothing can follow.
    fs::write(&path, &whole[..end + 512]).unwrap();
    load(&data(path), &FORMAT()).unwrap();
}

#[test]
fn folders_of_splits_are_not_taken_for_classes() {
    let folder = folder();
    let root = folder.path().join("data");
    fs::create_dir(&root).unwrap();
    fs::rename(folder.path().join("all"), root.join("train")).unwrap();
    let error = |path: PathBuf| told(&load(&data(path), &FORMAT()).unwrap_err(), &folder);
    insta::assert_snapshot!(error(root.clone()), @r#"DIR/data holds folders of splits, not of classes: write `One(Path("DIR/data/train"))`"#);
    for class in ["cat", "dog"] {
        fs::create_dir_all(root.join("val").join(class)).unwrap();
        fs::write(root.join("val").join(class).join("1.png"), png(9, 9)).unwrap();
    }
    insta::assert_snapshot!(error(root.clone()), @r#"DIR/data holds folders of splits, not of classes: write `Splits(train: Path("DIR/data/train"), validation: Path("DIR/data/val"))`"#);
    fs::rename(folder.path().join("data"), folder.path().join("all")).unwrap();
    fs::rename(folder.path().join("all/val"), folder.path().join("all/Test")).unwrap();
    insta::assert_snapshot!(error(tar(folder.path(), ".")), @r#"DIR/all.tar holds folders of splits, not of classes: write `Splits(train: Path("DIR/all.tar/train"), test: Path("DIR/all.tar/Test"))`"#);
    // Classes may be called so.
    for (class, red) in [("train", 0), ("val", 255)] {
        fs::create_dir_all(folder.path().join("rails").join(class)).unwrap();
        for index in 0..10 {
            fs::write(folder.path().join(format!("rails/{class}/{index}.png")), png(red, index)).unwrap();
        }
    }
    assert_eq!(load(&data(folder.path().join("rails")), &FORMAT()).unwrap().0.labels, ["train", "val"]);
}

#[test]
fn messages_speak_of_images() {
    let folder = folder();
    let all = folder.path().join("all");
    let make = |name: &str, count: u8| {
        fs::create_dir_all(folder.path().join(name)).unwrap();
        for index in 0..count {
            fs::write(folder.path().join(name).join(format!("{index}.png")), png(1, index)).unwrap();
        }
    };
    make("one/cat", 3);
    make("each/cat", 1);
    make("each/dog", 1);
    make("other/bird", 1);
    make("other/fish", 2);
    make("few/cat", 2);
    make("few/dog", 2);
    let told = |data: &ImageData| {
        let error = load(data, &FORMAT()).unwrap_err();
        format!("[{}] {}", error.field().unwrap_or_default(), told(&error, &folder))
    };
    let at = |name: &str| Location::Path(folder.path().join(name));
    insta::assert_snapshot!(told(&data(folder.path().join("one"))), @"[data.files] DIR/one: every training image has the label `cat`: there is nothing to tell apart, at least two labels are needed");
    insta::assert_snapshot!(told(&data(folder.path().join("each"))), @"[data.files] DIR/each: each of the 2 training images has a label of its own: images of one kind are to lie in one folder, or to have one label");
    let files = Files::Splits { train: at("all"), validation: Some(at("other")), test: None };
    insta::assert_snapshot!(told(&ImageData { files, ..data(all.clone()) }), @"[data.files] DIR/other: 3 images have a label that no training image has (`bird` of bird/0.png, `fish` of fish/0.png, `fish` of fish/1.png); the training labels are `cat`, `dog`");
    insta::assert_snapshot!(told(&ImageData { max_train: Some(1), ..data(all) }), @"[data.max_train] `max_train` is 1, but there are 2 labels, and each needs an example to learn from: write 2 or more");
    insta::assert_snapshot!(told(&data(folder.path().join("few"))), @"[data.split] the validation split is empty: no label has enough images in DIR/few to stand in every split");
}

#[test]
fn idx_files_find_their_labels() {
    let folder = tempfile::tempdir().unwrap();
    let images: Vec<u8> = (0..20u8).flat_map(|i| [i; 4]).collect();
    let header = |kind: u8, sizes: &[u32]| -> Vec<u8> {
        [&[0, 0, 8, kind][..], &sizes.iter().flat_map(|s| s.to_be_bytes()).collect::<Vec<_>>()].concat()
    };
    fs::write(folder.path().join("t-images-idx3-ubyte"), [header(3, &[20, 2, 2]), images].concat()).unwrap();
    let labels: Vec<u8> = (0..20).map(|i| i % 2 + 3).collect();
    fs::write(folder.path().join("t-labels-idx1-ubyte"), [header(1, &[20]), labels].concat()).unwrap();
    let path = folder.path().join("t-images-idx3-ubyte");
    let (task, report) = load(&ImageData { side: Some(2), ..data(path.clone()) }, &FORMAT()).unwrap();
    assert_eq!(task.labels, ["3", "4"]);
    assert!(report.to_string().contains("20 grey images taken as colour"), "{report}");
    let grey = PixelFormat { side: 2, mean: vec![0.0], deviation: vec![1.0] };
    let (task, report) = load(&data(path), &grey).unwrap();
    let row = task.train.row(3) as f32;
    assert_eq!(pixels(&task.train.batch(&[3], &Device::Cpu).unwrap()), vec![row / 255.0; 4]);
    assert!(!report.to_string().contains("grey"), "{report}");
    fs::write(folder.path().join("t-labels-idx1-ubyte"), [header(1, &[1]), vec![0]].concat()).unwrap();
    let error = load(&data(folder.path().join("t-images-idx3-ubyte")), &grey).unwrap_err();
    insta::assert_snapshot!(told(&error, &folder), @"DIR/t-images-idx3-ubyte: not a readable IDX file: 20 images, but DIR/t-labels-idx1-ubyte has 1 labels");
}

#[test]
fn unreadable_images_are_listed_or_left_out() {
    let folder = folder();
    let dog = folder.path().join("all/dog");
    fs::write(dog.join("empty.png"), b"").unwrap();
    fs::write(dog.join("cut.png"), &png(1, 1)[..50]).unwrap();
    fs::write(dog.join("text.jpg"), b"not an image").unwrap();
    let data = data(folder.path().join("all"));
    insta::assert_snapshot!(told(&load(&data, &FORMAT()).unwrap_err(), &folder), @"
    3 of the images cannot be read:
      DIR/all: dog/cut.png: unexpected end of file
      DIR/all: dog/empty.png: it is empty
      DIR/all: dog/text.jpg: it is neither JPEG nor PNG
    Remove them, or leave them out with `unreadable: Drop`
    ");
    let (task, report) = load(&ImageData { unreadable: Unreadable::Drop, ..data }, &FORMAT()).unwrap();
    assert_eq!(task.train.len() + task.validation.len() + task.test.len(), 20);
    insta::assert_snapshot!(report.to_string().lines().take(5).collect::<Vec<_>>().join("\n").replace(folder.path().to_str().unwrap(), "DIR"), @"
    DIR/all: 23 images, 3 left out because they cannot be read
      passed over: 2 files that are hidden or no images (README.txt, cat/.DS_Store)
      left out: dog/cut.png: unexpected end of file
      left out: dog/empty.png: it is empty
      left out: dog/text.jpg: it is neither JPEG nor PNG
    ");
}

#[cfg(unix)]
#[test]
fn links_are_followed_or_told() {
    use std::os::unix::fs::symlink;
    let folder = folder();
    let all = folder.path().join("all");
    let before = load(&data(all.clone()), &FORMAT()).unwrap().0;
    // A loop, and a tar with a hard link, a symbolic one, and a name twice.
    symlink("..", all.join("cat/loop")).unwrap();
    assert_eq!(load(&data(all.clone()), &FORMAT()).unwrap().0.hash(), before.hash());
    fs::remove_file(all.join("cat/loop")).unwrap();
    let path = tar(folder.path(), ".");
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all(".", &all).unwrap();
    let mut link = |kind, name: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(0);
        archive.append_link(&mut header, name, "cat/0.png").unwrap();
    };
    link(tar::EntryType::Link, "bird/0.png");
    link(tar::EntryType::Link, "bird/1.png");
    link(tar::EntryType::Symlink, "bird/2.png");
    archive.append_path_with_name(all.join("dog/1.png"), "dog/0.png").unwrap();
    fs::write(&path, archive.into_inner().unwrap()).unwrap();
    let (task, report) = load(&ImageData { unreadable: Unreadable::Drop, ..data(path) }, &FORMAT()).unwrap();
    assert_eq!(task.labels, ["bird", "cat", "dog"]);
    let told = report.to_string();
    assert!(told.contains("23 images, 1 left out") && told.contains("bird/2.png: it is a symbolic link"), "{told}");
}

#[test]
fn images_that_stand_in_two_splits_are_counted() {
    let folder = folder();
    for copy in ["train", "test"] {
        fs::create_dir_all(folder.path().join(copy)).unwrap();
        for class in ["cat", "dog"] {
            fs::create_dir_all(folder.path().join(copy).join(class)).unwrap();
            for index in 0..6 {
                fs::write(folder.path().join(format!("{copy}/{class}/{index}.png")), png(u8::from(class == "dog"), index)).unwrap();
            }
        }
    }
    let location = |name: &str| Location::Path(folder.path().join(name));
    let files = Files::Splits { train: location("train"), validation: Some(location("all")), test: Some(location("test")) };
    let (_, report) = load(&ImageData { files, ..data(PathBuf::new()) }, &FORMAT()).unwrap();
    assert!(report.to_string().contains("test: 12 examples have an image that also stands in train"), "{report}");
}

#[test]
fn what_holds_no_images_is_refused() {
    let folder = folder();
    let error = |path: &str| told(&load(&data(folder.path().join(path)), &FORMAT()).unwrap_err(), &folder);
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("a.zip"), b"x").unwrap();
    insta::assert_snapshot!(error("nothing"), @"cannot read DIR/nothing: No such file or directory (os error 2)");
    insta::assert_snapshot!(error("empty"), @"DIR/empty holds no folder of images for any class (CLASS/IMAGE.jpg)");
    insta::assert_snapshot!(error("all/cat"), @"DIR/all/cat holds no folder of images for any class (CLASS/IMAGE.jpg)");
    insta::assert_snapshot!(error("a.zip"), @"DIR/a.zip: images are read from a folder or a .tar with a folder for each class, from .parquet, or from an IDX file (images-idx3-ubyte)");
}

fn batch(task: &Task, augment: &Augment, seed: u64) -> Batch {
    let all: Vec<usize> = (0..task.train.len()).collect();
    task.train.training_batch(&all, augment, stream(seed, 0, Purpose::Augment), &Device::Cpu).unwrap()
}

#[test]
fn augmentation_is_a_matter_of_the_stream() {
    let folder = folder();
    let (task, _) = load(&data(folder.path().join("all")), &FORMAT()).unwrap();
    let all: Vec<usize> = (0..task.train.len()).collect();
    let plain = pixels(&task.train.batch(&all, &Device::Cpu).unwrap());
    assert_eq!(pixels(&batch(&task, &Augment::NONE, 1)), plain);
    let each = [
        Augment { flip: 1.0, ..Augment::NONE },
        Augment { crop: 2, ..Augment::NONE },
        Augment { jitter: 0.4, ..Augment::NONE },
        Augment { erase: 1.0, ..Augment::NONE },
        Augment { mix: Mix::MixUp { alpha: 1.0 }, ..Augment::NONE },
        Augment { mix: Mix::CutMix { alpha: 1.0 }, ..Augment::NONE },
    ];
    for augment in each {
        let run = |seed, threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pixels(&pool.install(|| batch(&task, &augment, seed)))
        };
        let once = run(1, 1);
        assert_eq!(once, run(1, 3), "{augment:?}");
        assert_ne!(once, plain, "{augment:?}");
        // A flip that is certain is the same whatever is drawn.
        assert_eq!(once != run(2, 1), augment.flip == 0.0, "{augment:?}");
        let (least, most) = once.iter().fold((f32::MAX, f32::MIN), |(least, most), v| (least.min(*v), most.max(*v)));
        assert!(least >= -2.0 && most <= 2.0, "{augment:?} leaves the range: {least} to {most}");
    }
}

#[test]
fn a_flip_twice_changes_nothing_and_mixed_labels_have_shares() {
    let folder = folder();
    let (task, _) = load(&data(folder.path().join("all")), &FORMAT()).unwrap();
    let flipped = batch(&task, &Augment { flip: 1.0, ..Augment::NONE }, 1);
    let plain = batch(&task, &Augment::NONE, 1);
    let rows = |batch: &Batch| -> Vec<Vec<f32>> { batch.pixels().unwrap().reshape(((), 8 * 3)).unwrap().to_vec2().unwrap() };
    for (row, flipped) in rows(&plain).iter().zip(rows(&flipped)) {
        let back: Vec<f32> = flipped.chunks(3).rev().flatten().copied().collect();
        assert_eq!(row, &back);
    }
    assert!(plain.mixed.is_none());
    let mixed = batch(&task, &Augment { mix: Mix::MixUp { alpha: 0.4 }, ..Augment::NONE }, 3);
    let (others, share) = mixed.mixed.clone().unwrap();
    assert!((0.0..=1.0).contains(&share) && others.dims() == [12]);
    // Red is 0 or 1 before normalisation, by the label, so it is the share that was mixed.
    let (own, others): (Vec<u32>, Vec<u32>) = (mixed.labels.to_vec1().unwrap(), others.to_vec1().unwrap());
    for (image, (own, other)) in pixels(&mixed).chunks(8 * 8 * 3).zip(own.into_iter().zip(others)) {
        let red = f64::from(image[0]) * 0.25 + 0.5;
        let expected = share * f64::from(own) + (1.0 - share) * f64::from(other);
        assert!((red - expected).abs() < 1e-5, "{red} and {expected}");
    }
    let pasted = batch(&task, &Augment { mix: Mix::CutMix { alpha: 1.0 }, ..Augment::NONE }, 5);
    let (others, share) = pasted.mixed.clone().unwrap();
    let (own, others): (Vec<u32>, Vec<u32>) = (pasted.labels.to_vec1().unwrap(), others.to_vec1().unwrap());
    for (image, (own, other)) in pixels(&pasted).chunks(8 * 8 * 3).zip(own.into_iter().zip(others)) {
        let red = image.chunks(3).map(|pixel| f64::from(pixel[0]) * 0.25 + 0.5).sum::<f64>() / 64.0;
        let expected = share * f64::from(own) + (1.0 - share) * f64::from(other);
        assert!((red - expected).abs() < 1e-5, "{red} and {expected}");
    }
}
