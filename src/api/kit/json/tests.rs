use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Serialize;

use super::{Json, has_escapes, to_vec};

#[derive(Debug, Clone, Serialize)]
struct Row {
    id: i64,
    name: String,
    note: Option<String>,
    is_active: bool,
    kind: Kind,
    at: crate::clock::Timestamp,
    tags: Vec<Tag>,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Debug, Clone, Serialize)]
struct Tag(String);

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    OneThing,
    Other,
}

fn row() -> impl Strategy<Value = Row> {
    let kind = prop_oneof![Just(Kind::OneThing), Just(Kind::Other)];
    let texts = (".*", proptest::option::of("[ -~\u{0}-\u{1f}é\u{2028}😀]*"), any::<bool>(), kind);
    let lists =
        (proptest::collection::vec(".*".prop_map(Tag), 0..3), proptest::collection::btree_map(".*", any::<u8>(), 0..3));
    (any::<i64>(), texts, lists).prop_map(|(id, (name, note, is_active, kind), (tags, rest))| Row {
        id,
        name,
        note,
        is_active,
        kind,
        at: crate::clock::Timestamp(id >> 20),
        tags,
        rest,
    })
}

proptest! {
    #[test]
    fn every_byte_of_a_text_is_looked_at(text in "[ -~\u{0}-\u{1f}é\u{7f}\u{80}😀]{0,40}") {
        let expected = text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\');
        prop_assert_eq!(has_escapes(&text), expected);
    }

    #[test]
    fn usual_answers_are_written_here_as_serde_json_writes_them(rows in proptest::collection::vec(row(), 0..4)) {
        let mut json = Json { out: Vec::new() };
        prop_assert!(rows.serialize(&mut json).is_ok());
        prop_assert_eq!(String::from_utf8(json.out).unwrap(), serde_json::to_string(&rows).unwrap());
    }
}

#[test]
fn anything_else_is_left_to_serde_json() {
    #[derive(Serialize)]
    enum Sum {
        Struct { a: u8 },
        Tuple(u8, u8),
        New(u8),
    }
    #[derive(Serialize)]
    struct Number {
        detail: serde_json::Value,
    }
    let detail = serde_json::from_str("{\"a\":[1.50,null,1e+400,{}]}").unwrap();
    assert_eq!(to_vec(&Number { detail }).unwrap(), b"{\"detail\":{\"a\":[1.50,null,1e+400,{}]}}");
    assert_eq!(to_vec(&BTreeMap::from([(1, 'c')])).unwrap(), b"{\"1\":\"c\"}");
    assert_eq!(
        to_vec(&vec![Sum::Struct { a: 1 }, Sum::Tuple(1, 2), Sum::New(3)]).unwrap(),
        br#"[{"Struct":{"a":1}},{"Tuple":[1,2]},{"New":3}]"#
    );
    assert_eq!(to_vec(&(1.5, format_args!("a\"{}", 1))).unwrap(), br#"[1.5,"a\"1"]"#);
    assert_eq!(to_vec(&format_args!("{}\n", 1)).unwrap(), br#""1\n""#);
}
