//! Watching the data model: what it is, then what becomes of it, a line each.

use std::io;

use super::Response;
use super::connection::{Connection, append_line, closed};
use super::listen::MAX_FOLLOWERS;
use crate::data_model::door::DataModel;
use crate::data_model::subscription::Subscription;

impl Connection {
    pub(super) async fn watch<D: DataModel>(mut self, model: &D, wanted: Subscription) -> io::Result<()> {
        let Some(place) = self.followers.take() else {
            let why = format!("{MAX_FOLLOWERS} others follow the events already");
            return self.answer(&Response::refused(why)).await;
        };
        place.busy();
        let mut notices = match model.subscribe(Subscription { with_present: true, ..wanted }).await {
            Ok(notices) => notices,
            Err(fault) => return self.answer(&Response::faults(vec![fault])).await,
        };
        loop {
            let notice = tokio::select! {
                notice = notices.next() => notice,
                gone = closed(&mut self.stream) => return gone,
            };
            let mut line = Vec::new();
            append_line(&mut line, &notice)?;
            self.write(&line).await?;
        }
    }
}
