//! Ids are free and hold their times, whatever the clock does.

use proptest::prelude::*;

use super::*;
use crate::activity::ground::{Ground, entry, ground, plan};
use crate::activity::store::{delete_sql, insert};

/// A second late enough that no test comes close to 1970.
const NOON: i64 = 1_750_000_000_000;

/// Writes rows of these times after `NOON`, one batch after the other, to an empty log. Gives the
/// ids in the order of writing, counted from the first id of `NOON`.
async fn ids(ground: &Ground, batches: Vec<Vec<i64>>) -> Vec<i64> {
    let write = move |tx: &mut Tx<'_>| {
        tx.execute("DELETE FROM api_requests", &[])?;
        let mut written = 0;
        for batch in &batches {
            let number = written..;
            written += batch.len();
            let entries = batch.iter().zip(number).map(|(ms, number)| entry(&number.to_string(), NOON + ms));
            insert(tx, &entries.collect::<Vec<_>>())?;
        }
        let sql = "SELECT id FROM api_requests ORDER BY CAST(endpoint AS INTEGER)";
        let ids = tx.query(sql, &[], |row| Ok(row.get::<i64>(0)? - first_id(Timestamp(NOON))))?;
        assert_eq!(ids.len(), written, "none is lost");
        Ok(ids)
    };
    ground.db.write(write).await.unwrap()
}

#[test]
fn an_id_holds_its_time() {
    for ms in [0, 1, NOON, -5] {
        let first = first_id(Timestamp(ms));
        assert_eq!(first - first_id(Timestamp(ms - 1)), IDS_PER_MS);
        assert_eq!([first, first + IDS_PER_MS - 1].map(time_of), [Timestamp(ms); 2]);
    }
    let year_2109 = Timestamp(4_390_000_000_000);
    assert!(first_id(year_2109) < 1 << 53, "JavaScript reads it");
    assert!(first_id(Timestamp(i64::MIN)) < first_id(year_2109) && first_id(year_2109) < first_id(Timestamp(i64::MAX)));
}

#[tokio::test]
async fn ids_count_the_rows_of_a_millisecond_also_over_batches() {
    let found = ids(&ground(), vec![vec![0, 0, 3], vec![3], vec![4, 3]]).await;
    let ms = IDS_PER_MS;
    assert_eq!(found, [0, 1, 3 * ms, 3 * ms + 1, 4 * ms, 4 * ms + 1], "who was overtaken stays in the order of coming");
}

#[tokio::test]
async fn rows_of_a_clock_that_was_put_back_stand_among_those_of_their_time() {
    let (hour, ms) = (3_600_000, IDS_PER_MS);
    let batches = vec![vec![0, 1, hour], vec![0, 0, 1, 2], vec![hour, 1, hour]];
    let found = ids(&ground(), batches).await;
    let late = hour * ms;
    assert_eq!(found, [0, ms, late, 1, 2, ms + 1, 2 * ms, late + 1, ms + 2, late + 2]);
}

#[tokio::test]
async fn a_full_millisecond_borrows_from_the_next() {
    let per_ms = usize::try_from(IDS_PER_MS).unwrap();
    let batches = vec![vec![0; per_ms - 1], vec![1; 2], vec![0; 3], vec![1], vec![-1000, 0]];
    let found = ids(&ground(), batches).await;
    assert_eq!(found[..per_ms - 1], (0..IDS_PER_MS - 1).collect::<Vec<_>>());
    let rest: Vec<i64> = found[per_ms - 1..].iter().map(|id| id - IDS_PER_MS).collect();
    assert_eq!(rest, [0, 1, -1, 2, 3, 4, -1001 * IDS_PER_MS, 5]);
}

#[test]
fn any_order_of_times_is_stored_close_to_its_times() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ground = runtime.block_on(async { ground() });
    let batch = prop::collection::vec(prop_oneof![0..200_i64, 0..5_i64], 0..30);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let outcome = runner.run(&prop::collection::vec(batch, 1..6), |batches| {
        let times = batches.concat();
        let ids = runtime.block_on(ids(&ground, batches));
        for (id, at) in ids.into_iter().zip(times) {
            let late = time_of(id).0 - at;
            // Where ids are taken the next free one is a few milliseconds on.
            prop_assert!((0..UNORDERED_MAX / IDS_PER_MS + 16).contains(&late), "{late} ms late");
        }
        Ok(())
    });
    outcome.unwrap();
}

#[tokio::test]
async fn finding_a_free_id_and_deleting_the_old_read_no_row_besides() {
    let ground = ground();
    for log in [Log::Requests, Log::Audit] {
        for sql in [around_sql(log), delete_sql(log)] {
            let mut plan = plan(&ground.db, sql, 1).await;
            assert!(!plan.iter().any(|step| step.contains("B-TREE")), "nothing is sorted: {plan:?}");
            plan.retain(|step| step.contains(log.table()));
            assert_eq!(plan.len(), 2, "{plan:?}");
            assert!(plan.iter().all(|step| step.contains("USING INTEGER PRIMARY KEY (rowid")), "{plan:?}");
        }
    }
}
