wasmtime::component::bindgen!({
    path: "../../wit/v1",
    world: "full",
    imports: { default: trappable },
    ownership: Borrowing { duplicate_if_necessary: true },
    require_store_data_send: true,
});
