// SPDX-License-Identifier: GPL-2.0-only OR MIT

//! Buffer objects.

use crate::{
    device::{
        AsahiDevice,
        AsahiDrmDriver, //
    },
    ffi,
    file::{
        AsahiFile,
        File, //
    },
    quota::{
        Coming,
        Pinned,
        Share,
        OBJECT_BYTES, //
    },
    uapi, //
};
use agx_abi::uat::{
    PAGE_SIZE,
    USER_END,
    USER_START, //
};
use core::ffi::{
    c_int,
    c_void, //
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    drm::{
        self,
        gem::{
            shmem,
            BaseObject,
            DriverObject,
            IntoGEMObject, //
        }, //
    },
    error::to_result,
    new_mutex,
    prelude::*,
    scatterlist::SGTable,
    sync::{
        aref::ARef,
        Mutex, //
    }, //
};

/// A buffer object in memory that can be swapped until it is bound.
pub(crate) type Object = shmem::Object<Buffer>;

/// The driver's part of a buffer object.
#[pin_data]
pub(crate) struct Buffer {
    /// The root object of the VM that it is private to, with which all private objects share their
    /// reservations. The reference keeps its address from being reused.
    private_to: Option<ARef<Object>>,
    /// The address of the client's list of VMs if it is the root of one of them, else 0.
    list: usize,
    #[pin]
    held: Mutex<Held>,
    /// The owner of its memory.
    share: Share,
    /// The charge for the object itself.
    _own: Pinned,
}

/// The pages of an object, as far as it has them.
#[derive(Default)]
struct Held {
    /// The charge for them, once they cannot be reclaimed.
    charge: Option<Pinned>,
    /// True if there is a table of them.
    has_table: bool,
}

/// The arguments of a new buffer object.
pub(crate) struct Args {
    private_to: Option<ARef<Object>>,
    share: Share,
    list: usize,
    own: Pinned,
}

impl DriverObject for Buffer {
    type Driver = AsahiDrmDriver;
    type Args = Args;

    fn new(_dev: &AsahiDevice, _size: usize, args: Args) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            private_to: args.private_to,
            list: args.list,
            held <- new_mutex!(Held::default()),
            share: args.share,
            _own: args.own,
        })
    }

    /// Counts another handle of `file`. `ENOSPC` if it has too many.
    fn open(_object: &Object, file: &drm::File<AsahiFile>) -> Result {
        file.inner().add_handle()
    }

    /// Ends all mappings of the object in the address spaces of `file`, unless it has another
    /// handle there.
    ///
    /// Userspace relies on that: closing a handle is how it frees a buffer, and it unbinds nothing
    /// before.
    fn close(object: &Object, file: &drm::File<AsahiFile>) {
        // When the file itself is closed its VMs are dropped, each after its last job. To unmap the
        // object earlier would make these jobs fault, which costs other clients' jobs as well.
        // SAFETY: The file is valid.
        if unsafe { ffi::asahi_file_is_open(raw_file(file)) } {
            let is_open = || has_other_handles(object) && has_handle(file, object);
            file.inner().vm_list.unbind_object(object, &is_open);
        }
        file.inner().remove_handle();
    }
}

/// The bytes of an object from which on objects are created one after the other.
const LARGE: usize = 1 << 30;

/// The turn of a thread that creates a large object.
struct Turn;

impl Turn {
    /// Waits for the turn. `EINTR` if the process is killed meanwhile.
    fn new() -> Result<Self> {
        // SAFETY: It may sleep, and holds no turn. The drop ends the turn.
        to_result(unsafe { ffi::asahi_gem_large_begin() })?;
        Ok(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // SAFETY: The turn began with this.
        unsafe { ffi::asahi_gem_large_end() };
    }
}

/// Creates an object of `size` bytes, whose memory is of `share`. `root`: of the VM that it is
/// private to.
pub(crate) fn create(
    dev: &AsahiDevice,
    size: u64,
    flags: u32,
    root: Option<&Object>,
    share: Share,
) -> Result<ARef<Object>> {
    create_in(dev, size, flags, root, share, 0)
}

/// Creates the root object of a VM of the client whose list of VMs is at `list`.
pub(crate) fn create_root(dev: &AsahiDevice, list: usize, share: Share) -> Result<ARef<Object>> {
    create_in(dev, PAGE_SIZE, 0, None, share, list)
}

fn create_in(
    dev: &AsahiDevice,
    size: u64,
    flags: u32,
    root: Option<&Object>,
    share: Share,
    list: usize,
) -> Result<ARef<Object>> {
    // An object larger than an address space cannot be bound.
    if size == 0 || size > USER_END - USER_START {
        return Err(EINVAL);
    }
    let size = size.next_multiple_of(PAGE_SIZE) as usize;
    let config = shmem::ObjectConfig {
        map_wc: flags & uapi::GEM_WRITEBACK == 0,
        parent_resv_obj: root,
    };
    let (own, _coming) = Pinned::reserve(OBJECT_BYTES, share)?;
    let args = Args {
        own,
        share,
        list,
        private_to: root.map(Into::into),
    };
    // An object has a place to be mapped at until `asahi_gem_extend()` takes it away. Threads that
    // create very large ones at a time would take all of them.
    let _turn = (size >= LARGE).then(Turn::new).transpose()?;
    // shmem says so when it has no memory for an inode. Here it means that a limit was met.
    let no_memory = |e| if e == ENOSPC { ENOMEM } else { e };
    let object = Object::new(dev, size, config, args).map_err(no_memory)?;
    // SAFETY: It is an object of this driver, and this is the only reference to it.
    unsafe { ffi::asahi_gem_extend(IntoGEMObject::as_raw(&*object).cast()) };
    Ok(object)
}

/// Charges the memory of an object, and returns the place in the device's file where a process maps
/// it; the same one each time.
///
/// The places of all clients' objects are in one range of 1 TiB. An object of up to half of that
/// can be had for nothing, so one gets a place when its memory counts.
///
/// # Errors
///
/// `ENOMEM`, also if clients have pinned as much memory as they may.
pub(crate) fn mmap_offset(object: &Object) -> Result<u64> {
    let raw = IntoGEMObject::as_raw(object).cast();
    // SAFETY: The object is valid. What was imported has pages that somebody else counts.
    if unsafe { !ffi::asahi_imported_pages(raw).is_null() } {
        return object.create_mmap_offset();
    }
    let mut held = object.held.lock();
    held.charged(object, || object.create_mmap_offset())
}

/// Charges the memory of an object, and exports it. Importers may pin its pages.
///
/// # Safety
///
/// `raw` is an object of this driver's that was not imported.
#[no_mangle]
unsafe extern "C" fn asahi_gem_charge_for_export(raw: *mut c_void) -> c_int {
    // SAFETY: `raw` is an object of this driver by the safety requirements.
    let object: &Object = unsafe { IntoGEMObject::from_raw(raw.cast()) };
    mmap_offset(object).map_or_else(|e| e.to_errno(), |_| 0)
}

/// Pins the pages of an object for an importer.
///
/// # Safety
///
/// `raw` is an object of this driver's that was not imported, and its reservations are locked.
#[no_mangle]
unsafe extern "C" fn asahi_gem_pin(raw: *mut c_void) -> c_int {
    // SAFETY: `raw` is an object of this driver by the safety requirements.
    let object: &Object = unsafe { IntoGEMObject::from_raw(raw.cast()) };
    // The charge is there since the export.
    let pinned = coming(object).and_then(|_coming| {
        // SAFETY: By the safety requirements the object was not imported, and its reservations are
        // locked.
        to_result(unsafe { ffi::asahi_gem_pin_locked(raw) })
    });
    pinned.map_or_else(|e| e.to_errno(), |()| 0)
}

/// Notes that the pages of `object` are about to be allocated; `None` if it has them.
///
/// # Errors
///
/// `ENOMEM` if the machine would have too little left.
fn coming(object: &Object) -> Result<Option<Coming>> {
    // SAFETY: It is an object of this driver.
    if unsafe { ffi::asahi_gem_has_pages(IntoGEMObject::as_raw(object).cast()) } {
        return Ok(None);
    }
    Coming::new(size(object)).map(Some)
}

/// Charges the memory of an object, and maps it in a process. It cannot be reclaimed from then on.
///
/// # Safety
///
/// `raw` is an object of this driver's, and `vma` where a process is about to have it.
#[no_mangle]
unsafe extern "C" fn asahi_gem_charge_and_mmap(raw: *mut c_void, vma: *mut c_void) -> c_int {
    // SAFETY: `raw` is an object of this driver by the safety requirements.
    let object: &Object = unsafe { IntoGEMObject::from_raw(raw.cast()) };
    let mapped = object.held.lock().charged(object, || {
        // SAFETY: `vma` is where a process is about to have the object, by the safety requirements.
        to_result(unsafe { ffi::asahi_gem_mmap_charged(raw, vma) })
    });
    mapped.map_or_else(|e| e.to_errno(), |()| 0)
}

/// Creates an object without pages of its own, for the import of a DMA-buf.
///
/// # Safety
///
/// `drm` is a device of this driver's, and `object` a place for a pointer.
#[no_mangle]
unsafe extern "C" fn asahi_gem_create_for_import(
    drm: *mut c_void,
    size: usize,
    object: *mut *mut c_void,
) -> c_int {
    // SAFETY: `drm` is a device of this driver by the safety requirements.
    let dev: &AsahiDevice = unsafe { drm::Device::from_raw(drm.cast()) };
    match create(dev, size as u64, 0, None, Share::Clients) {
        Ok(new) => {
            let raw = IntoGEMObject::as_raw(&*new);
            // The reference goes with the pointer.
            let _ = ARef::into_raw(new);
            // SAFETY: `object` is a place for a pointer by the safety requirements.
            unsafe { object.write(raw.cast()) };
            0
        }
        Err(e) => e.to_errno(),
    }
}

/// Returns whether `handle` of `file` is still that of `object`, or another one is. One that is
/// being closed is not.
pub(crate) fn is_still_open(file: &File, handle: u32, object: &Object) -> bool {
    let is_same = lookup(file, handle).is_ok_and(|now| core::ptr::eq(&*now, object));
    is_same || has_handle(file, object)
}

/// Returns whether `file` has a handle of `object` that is not being closed.
pub(crate) fn has_handle(file: &File, object: &Object) -> bool {
    // SAFETY: Both are valid.
    unsafe { ffi::asahi_file_has_handle(raw_file(file), IntoGEMObject::as_raw(object).cast()) }
}

/// Returns whether `object`, of which a handle is being closed, has others.
fn has_other_handles(object: &Object) -> bool {
    // SAFETY: The object is valid.
    unsafe { ffi::asahi_has_other_handles(IntoGEMObject::as_raw(object).cast()) }
}

fn raw_file(file: &File) -> *mut c_void {
    // `drm::File` is a transparent wrapper of it.
    core::ptr::from_ref(file).cast_mut().cast()
}

/// Returns the object behind a handle of `file`.
pub(crate) fn lookup(file: &drm::File<AsahiFile>, handle: u32) -> Result<ARef<Object>> {
    Object::lookup_handle(file, handle)
}

impl Held {
    /// Has `allocate` allocate the pages of `object`, which this is of, or give it what they can be
    /// allocated by. They are charged from before that until the object is freed. If there is no
    /// charge yet and `allocate` fails, there is none afterwards either.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if clients have pinned as much memory as they may, or the machine has too little;
    /// and those of `allocate`.
    fn charged<T>(&mut self, object: &Object, allocate: impl FnOnce() -> Result<T>) -> Result<T> {
        let new = match &self.charge {
            Some(_) => None,
            None => Some(Pinned::count(size(object), object.share)?),
        };
        let _coming = coming(object)?;
        let allocated = allocate()?;
        if new.is_some() {
            self.charge = new;
        }
        Ok(allocated)
    }
}

/// Returns the table of an object's own pages, which it makes if there is none.
fn table<'a>(object: &'a Object, dev: &'a Device<Bound>) -> Result<&'a SGTable> {
    let mut held = object.held.lock();
    if held.has_table {
        drop(held);
        return object.sg_table(dev);
    }
    let raw = IntoGEMObject::as_raw(object).cast();
    let table = held.charged(object, || {
        // `sg_table()` of 7.3 keeps the pages for good if it has made the table and then has no
        // memory to keep that. So it finds one.
        // SAFETY: It is an object of this driver with pages of its own, and has no table. The lock
        // is held, so nothing else makes one.
        to_result(unsafe { ffi::asahi_gem_make_table(raw) })?;
        object.sg_table(dev).inspect_err(|_| {
            // SAFETY: The table was just made, and what may have kept it has failed.
            unsafe { ffi::asahi_gem_drop_table(raw) }
        })
    })?;
    held.has_table = true;
    Ok(table)
}

impl Buffer {
    /// Returns whether it is the root of a VM of the client whose list of VMs is at `list`.
    pub(crate) fn is_root_of(&self, list: usize) -> bool {
        self.list == list
    }

    /// Returns whether it may be bound in the VM with this root.
    pub(crate) fn may_be_bound_by(&self, root: &Object) -> bool {
        match &self.private_to {
            None => true,
            Some(owner) => core::ptr::eq(&**owner, root),
        }
    }
}

/// The pages of an object, pinned.
pub(crate) struct PinnedPages<'a>(&'a SGTable);

impl<'a> PinnedPages<'a> {
    /// Pins the pages of `object`; those of one that was imported are pinned already.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also if clients have pinned as much as they may, or `EINVAL` if what was imported
    /// is not made of whole pages.
    pub(crate) fn new(object: &'a Object, dev: &'a Device<Bound>) -> Result<Self> {
        // SAFETY: The object is valid.
        let imported = unsafe { ffi::asahi_imported_pages(IntoGEMObject::as_raw(object).cast()) };
        if imported.is_null() {
            return Ok(Self(table(object, dev)?));
        }
        // SAFETY: The table of an imported object is there as long as the object, and does not
        // change.
        let table = unsafe { SGTable::from_raw(imported.cast()) };
        let whole = |at: u64| at % PAGE_SIZE == 0;
        if !table
            .iter()
            .all(|entry| whole(entry.dma_address()) && whole(entry.dma_len()))
        {
            return Err(EINVAL);
        }
        Ok(Self(table))
    }

    /// Returns the addresses of the pages from `offset` on, as many as there are.
    pub(crate) fn at_offset(&self, offset: u64) -> impl Iterator<Item = u64> + '_ {
        let mut skip = offset;
        self.0.iter().flat_map(move |entry| {
            let (start, length) = (entry.dma_address(), entry.dma_len());
            let first = skip.min(length);
            skip -= first;
            (start + first..start + length).step_by(PAGE_SIZE as usize)
        })
    }
}

/// Returns the size of an object in bytes.
pub(crate) fn size(object: &Object) -> u64 {
    BaseObject::size(object) as u64
}
