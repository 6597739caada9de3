//! Adapters in the order in which they are tried, and an open device that says when it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{AdapterChoice, AdapterInfo, Error};

/// An open device with its queue. The GPU thread alone submits.
pub(crate) struct Device {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub info: AdapterInfo,
    /// Set by the driver, by wgpu or by a wait that was in vain.
    pub lost: Arc<AtomicBool>,
}

/// Adapters in the order in which they are tried: fast ones first, software last.
pub(crate) fn adapters(choice: AdapterChoice) -> Vec<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12,
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    adapters.retain(|adapter| choice == AdapterChoice::Any || is_software(adapter));
    adapters.sort_by_key(rank);
    adapters
}

impl Device {
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }
}

fn is_software(adapter: &wgpu::Adapter) -> bool {
    adapter.get_info().device_type == wgpu::DeviceType::Cpu
}

fn rank(adapter: &wgpu::Adapter) -> u8 {
    match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

/// Opens one adapter.
pub(crate) fn open(adapter: &wgpu::Adapter) -> Result<Device, Error> {
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("programme"),
        required_features: wgpu::Features::empty(),
        required_limits: wgpu::Limits::downlevel_defaults().using_resolution(adapter.limits()),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|error| Error::Device(error.to_string()))?;
    let lost = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&lost);
    device.set_device_lost_callback(move |reason, message| {
        if !flag.swap(true, Ordering::AcqRel) {
            tracing::warn!("graphics device lost: {reason:?} {message}");
        }
    });
    let flag = Arc::clone(&lost);
    // Without a handler wgpu panics. Whatever a device refuses here, a fresh one is the remedy.
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        if !flag.swap(true, Ordering::AcqRel) {
            tracing::error!("graphics device failed: {error}");
        }
    }));
    let info = adapter.get_info();
    let driver = format!("{} {}", info.driver, info.driver_info).trim().to_owned();
    let info = AdapterInfo { name: info.name, driver, software: info.device_type == wgpu::DeviceType::Cpu };
    Ok(Device { device, queue, info, lost })
}
