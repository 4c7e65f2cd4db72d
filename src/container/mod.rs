//! What a container is: the wish (`spec`), the record of it (`record`), what happened (`state`), its health, its
//! names, and how all that lies on disk (`store`).

pub mod health;
pub mod id;
pub mod names;
pub mod record;
pub mod spec;
pub mod state;
pub mod store;

pub use id::{ContainerId, ContainerName};
pub use record::ContainerRecord;
pub use spec::ContainerSpec;
pub use state::{Exit, State, StateFile};
