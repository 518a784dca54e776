use super::*;
use crate::domain::{Algorithm, mint_key_secret};

const A: &str = "a AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const B: &str = "b AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn keys(text: &str) -> Result<SealingKeys, String> {
    let directory = testing::Scratch::new();
    let file = directory.path(FILE);
    fs::write(&file, text).unwrap();
    SealingKeys::load(&file).map_err(|e| e.to_string())
}

fn ids() -> (WorkspaceId, IdentityKeyId) {
    (WorkspaceId::derive(&["w"]), IdentityKeyId::derive(&["k"]))
}

fn secret() -> KeySecret {
    mint_key_secret([7; 32])
}

fn kept(by: &SealingKeys) -> KeptKey {
    let (workspace, id) = ids();
    KeptKey {
        secret: by.seal(&workspace, &id, &secret()).unwrap(),
        algorithm: Algorithm::Hs256,
        workspace,
        id,
    }
}

fn opened(by: &SealingKeys, key: &KeptKey) -> Result<String, Unopened> {
    by.open(key).map(|it| it.text.expose_secret().to_owned())
}

#[test]
fn what_the_first_key_sealed_opens_with_any_order_of_keys_that_has_it() {
    let clear = secret().text.expose_secret().to_owned();
    let (a, both, other) = (
        keys(A).unwrap(),
        keys(&format!("# newest first\n\n{B}\n {A} \n")).unwrap(),
        keys(B).unwrap(),
    );
    let by_a = kept(&a);
    assert_eq!(by_a.secret.sealed_with.as_deref(), Some("a"));
    assert!(!by_a.secret.text.contains(&clear[9..]));
    assert_eq!(opened(&a, &by_a), Ok(clear.clone()));
    assert_eq!(opened(&both, &by_a), Ok(clear.clone()));
    assert_eq!(opened(&other, &by_a), Err(Unopened));
    let by_both = kept(&both);
    assert_eq!(by_both.secret.sealed_with.as_deref(), Some("b"));
    assert_eq!(opened(&other, &by_both), Ok(clear));
    assert_ne!(kept(&a).secret.text, by_a.secret.text, "a nonce for each");
}

#[test]
fn a_sealed_secret_opens_in_its_own_row_alone_and_only_as_it_is() {
    let keys = keys(&format!("{A}\n{B}")).unwrap();
    let good = kept(&keys);
    let elsewhere = KeptKey {
        workspace: WorkspaceId::derive(&["other"]),
        ..good.clone()
    };
    let another = KeptKey {
        id: IdentityKeyId::derive(&["other"]),
        ..good.clone()
    };
    assert_eq!(opened(&keys, &elsewhere), Err(Unopened));
    assert_eq!(opened(&keys, &another), Err(Unopened));
    let text = &good.secret.text;
    let flipped = if text.starts_with('A') { "B" } else { "A" };
    for changed in [
        String::new(),
        "AAAA".into(),
        "not base64!".into(),
        text[..text.len() - 4].to_owned(),
        format!("{flipped}{}", &text[1..]),
    ] {
        let mut bad = good.clone();
        bad.secret.text = changed;
        assert_eq!(opened(&keys, &bad), Err(Unopened));
    }
    let mut renamed = good;
    renamed.secret.sealed_with = Some("b".into());
    assert_eq!(opened(&keys, &renamed), Err(Unopened));
}

#[test]
fn a_secret_in_clear_from_a_version_before_is_read_as_it_is() {
    let keys = keys(A).unwrap();
    let mut key = kept(&keys);
    key.secret = KeptSecret {
        text: "msgr_msk_x".into(),
        sealed_with: None,
    };
    assert_eq!(opened(&keys, &key), Ok("msgr_msk_x".into()));
}

#[test]
fn a_file_that_cannot_be_used_says_what_to_do_and_nothing_that_is_in_it() {
    let key = A.split_once(' ').unwrap().1;
    for bad in [
        String::new(),
        "# nothing\n".into(),
        "a".into(),
        format!("A {key}"),
        format!("a {}", &key[..40]),
        format!("a {key}AAAA"),
        format!("{} {key}", "a".repeat(41)),
        format!("{A}\n{A}"),
        format!("{A}\nb x"),
    ] {
        let told = keys(&bad).err().unwrap();
        assert!(told.contains("suite keys --dir"), "{told}");
        assert!(!told.contains(&key[..40]), "{told}");
    }
    let missing = SealingKeys::load(Path::new("/nowhere/settings.sealing"));
    let told = missing.err().unwrap().to_string();
    assert!(told.contains("/nowhere/settings.sealing") && told.contains("put the file back"));
}

#[test]
fn a_file_is_made_once_and_for_its_owner_alone() {
    let directory = testing::Scratch::new();
    let keys = directory.path("keys");
    generate_sealing_keys(&keys).unwrap();
    let made = fs::read(keys.join(FILE)).unwrap();
    assert_eq!(
        SealingKeys::load(&keys.join(FILE)).unwrap().newest(),
        "first"
    );
    generate_sealing_keys(&keys).unwrap();
    assert_eq!(fs::read(keys.join(FILE)).unwrap(), made);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(keys.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
