use wasmtime::component::Resource;
use wasmtime::{Result, format_err};
use wasmtime_wasi::p2::bindings::filesystem;
use wasmtime_wasi::p2::bindings::sync::filesystem::types as files;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError};

use super::Nowhere;

impl filesystem::preopens::Host for Nowhere {
    fn get_directories(&mut self) -> Result<Vec<(Resource<files::Descriptor>, String)>> {
        Ok(Vec::new())
    }
}

impl files::Host for Nowhere {
    fn filesystem_error_code(&mut self, _: Resource<wasmtime::Error>) -> Result<Option<files::ErrorCode>> {
        Ok(None)
    }

    fn convert_error_code(&mut self, error: FsError) -> Result<files::ErrorCode> {
        error.downcast().map(|_| files::ErrorCode::BadDescriptor)
    }
}

/// No descriptor was ever given out, so none of these is ever called with one.
macro_rules! no_such_file {
    ($($method:ident($($argument:ty),*) -> $answer:ty;)+) => {
        $(fn $method(&mut self, _: Resource<files::Descriptor> $(, _: $argument)*) -> std::result::Result<$answer, FsError> {
            Err(FsError::trap(format_err!("there are no files")))
        })+
    };
}

impl files::HostDescriptor for Nowhere {
    no_such_file! {
        read_via_stream(u64) -> Resource<DynInputStream>;
        write_via_stream(u64) -> Resource<DynOutputStream>;
        append_via_stream() -> Resource<DynOutputStream>;
        advise(u64, u64, files::Advice) -> ();
        sync_data() -> ();
        get_flags() -> files::DescriptorFlags;
        get_type() -> files::DescriptorType;
        set_size(u64) -> ();
        set_times(files::NewTimestamp, files::NewTimestamp) -> ();
        read(u64, u64) -> (Vec<u8>, bool);
        write(Vec<u8>, u64) -> u64;
        read_directory() -> Resource<files::DirectoryEntryStream>;
        sync() -> ();
        create_directory_at(String) -> ();
        stat() -> files::DescriptorStat;
        stat_at(files::PathFlags, String) -> files::DescriptorStat;
        set_times_at(files::PathFlags, String, files::NewTimestamp, files::NewTimestamp) -> ();
        link_at(files::PathFlags, String, Resource<files::Descriptor>, String) -> ();
        open_at(files::PathFlags, String, files::OpenFlags, files::DescriptorFlags) -> Resource<files::Descriptor>;
        readlink_at(String) -> String;
        remove_directory_at(String) -> ();
        rename_at(String, Resource<files::Descriptor>, String) -> ();
        symlink_at(String, String) -> ();
        unlink_file_at(String) -> ();
        metadata_hash() -> files::MetadataHashValue;
        metadata_hash_at(files::PathFlags, String) -> files::MetadataHashValue;
    }

    fn is_same_object(&mut self, _: Resource<files::Descriptor>, _: Resource<files::Descriptor>) -> Result<bool> {
        Ok(false)
    }

    fn drop(&mut self, _: Resource<files::Descriptor>) -> Result<()> {
        Ok(())
    }
}

impl files::HostDirectoryEntryStream for Nowhere {
    fn read_directory_entry(
        &mut self,
        _: Resource<files::DirectoryEntryStream>,
    ) -> std::result::Result<Option<files::DirectoryEntry>, FsError> {
        Ok(None)
    }

    fn drop(&mut self, _: Resource<files::DirectoryEntryStream>) -> Result<()> {
        Ok(())
    }
}
