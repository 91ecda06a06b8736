// SPDX-License-Identifier: MIT OR Apache-2.0
"use strict";

// A row has as many bytes as a copy into a buffer asks for.
const WIDTH = 192, HEIGHT = 144, COUNT = 256;

function say(line) {
	console.log("webgl: webgpu " + line);
}

// Particles that shade a texture: each is a step of an integer generator, summed within its
// workgroup. They are at quarters of pixels, where no sample is at an edge, and nothing of them
// depends on how precise a function is.
const COMPUTE = `
	struct Particle { place: vec4f, colour: vec4f };
	@group(0) @binding(0) var<storage, read_write> particles: array<Particle>;
	@group(0) @binding(1) var image: texture_storage_2d<rgba8unorm, write>;
	var<workgroup> sums: array<u32, 64>;

	@compute @workgroup_size(64)
	fn fill(@builtin(global_invocation_id) at: vec3u,
		@builtin(local_invocation_index) lane: u32) {
		var state = at.x * 747796405u + 2891336453u;
		state = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
		sums[lane] = state & 255u;
		workgroupBarrier();
		for (var step = 1u; step < 64u; step <<= 1u) {
			var other = 0u;
			if (lane >= step) { other = sums[lane - step]; }
			workgroupBarrier();
			sums[lane] += other;
			workgroupBarrier();
		}
		let t = f32(at.x) / ${COUNT}.0;
		let quarters = vec2u((state >> 4u) % 640u, (state >> 14u) % 480u);
		let pixel = vec2f(quarters) / 4.0 - vec2f(80.0, 60.0);
		particles[at.x].place = vec4f(pixel / vec2f(${WIDTH / 2}, ${HEIGHT / 2}), t, 1.0);
		let summed = f32(sums[lane] & 255u) / 255.0;
		particles[at.x].colour = vec4f(f32(state & 255u) / 255.0, t, summed, 1.0);
		for (var i = 0u; i < 16u; i++) {
			let texel = at.x * 16u + i;
			let shade = f32((texel ^ (texel >> 6u)) & 15u) / 15.0;
			textureStore(image, vec2u(texel & 63u, texel >> 6u),
				     vec4f(shade, 1.0 - shade, f32(state & 15u) / 15.0, 1.0));
		}
	}`;

const RENDER = `
	struct Particle { place: vec4f, colour: vec4f };
	struct Varying {
		@builtin(position) position: vec4f,
		@location(0) colour: vec4f,
		@location(1) at: vec2f,
	};
	@group(0) @binding(0) var<storage, read> particles: array<Particle>;
	@group(0) @binding(1) var image: texture_2d<f32>;
	@group(0) @binding(2) var filtered: sampler;

	@vertex
	fn particle(@builtin(vertex_index) vertex: u32,
		    @builtin(instance_index) instance: u32) -> Varying {
		let corner = vec2f(f32(vertex & 1u), f32(vertex >> 1u)) - 0.5;
		let one = particles[instance];
		let side = 8.5 / vec2f(${WIDTH / 2}, ${HEIGHT / 2});
		return Varying(vec4f(one.place.xy + corner * side, one.place.z, 1.0), one.colour,
			       corner + 0.5);
	}

	@vertex
	fn plane(@builtin(vertex_index) vertex: u32) -> Varying {
		let corner = vec2f(f32(vertex & 1u), f32(vertex >> 1u));
		return Varying(vec4f(corner * 2.0 - 1.0, corner.x, 1.0), vec4f(1.0, 1.0, 1.0, 0.7),
			       corner);
	}

	@fragment
	fn paint(given: Varying) -> @location(0) vec4f {
		let texel = textureSample(image, filtered, given.at);
		return vec4f(given.colour.rgb * texel.rgb, given.colour.a);
	}`;

async function draw() {
	const adapter = await navigator.gpu.requestAdapter() ||
			await navigator.gpu.requestAdapter({ forceFallbackAdapter: true });

	if (!adapter)
		throw new Error("no adapter");
	const { vendor, architecture, device: name, description } = adapter.info;
	say("renderer " + [vendor, architecture, name, description].join(", "));
	const device = await adapter.requestDevice();
	device.pushErrorScope("validation");

	const { RENDER_ATTACHMENT, STORAGE_BINDING, TEXTURE_BINDING, COPY_SRC } = GPUTextureUsage;
	const { STORAGE, COPY_DST, MAP_READ } = GPUBufferUsage;
	const format = "rgba8unorm", size = [WIDTH, HEIGHT], sampleCount = 4;
	const depthFormat = "depth32float";
	const particles = device.createBuffer({ size: COUNT * 32, usage: STORAGE });
	const image = device.createTexture({ size: [64, 64], format,
					     usage: STORAGE_BINDING | TEXTURE_BINDING });
	const target = device.createTexture({ size, format, usage: RENDER_ATTACHMENT | COPY_SRC });
	const many = device.createTexture({ size, format, sampleCount, usage: RENDER_ATTACHMENT });
	const depth = device.createTexture({ size, format: depthFormat, sampleCount,
					     usage: RENDER_ATTACHMENT });
	const read = device.createBuffer({ size: WIDTH * HEIGHT * 4, usage: COPY_DST | MAP_READ });
	const filtered = device.createSampler({ minFilter: "linear", magFilter: "linear" });

	const fill = device.createComputePipeline({ layout: "auto", compute: {
		module: device.createShaderModule({ code: COMPUTE }), entryPoint: "fill" } });
	const module = device.createShaderModule({ code: RENDER });
	const pipeline = (entryPoint, blend, depthWriteEnabled) => device.createRenderPipeline({
		layout: "auto",
		vertex: { module, entryPoint },
		fragment: { module, entryPoint: "paint", targets: [{ format, blend }] },
		primitive: { topology: "triangle-strip" },
		depthStencil: { format: depthFormat, depthWriteEnabled, depthCompare: "less" },
		multisample: { count: sampleCount },
	});
	const over = { srcFactor: "src-alpha", dstFactor: "one-minus-src-alpha" };
	const solid = pipeline("particle", undefined, true);
	const blended = pipeline("plane", { color: over, alpha: over }, false);
	const group = (of, entries) => device.createBindGroup({
		layout: of.getBindGroupLayout(0),
		entries: entries.map(([binding, resource]) => ({ binding, resource })),
	});
	const pictured = [[1, image.createView()], [2, filtered]];

	const encoder = device.createCommandEncoder();
	const compute = encoder.beginComputePass();
	compute.setPipeline(fill);
	compute.setBindGroup(0, group(fill, [[0, { buffer: particles }], [1, image.createView()]]));
	compute.dispatchWorkgroups(COUNT / 64);
	compute.end();
	const render = encoder.beginRenderPass({
		colorAttachments: [{
			view: many.createView(), resolveTarget: target.createView(),
			loadOp: "clear", storeOp: "discard", clearValue: [0.1, 0.15, 0.2, 1],
		}],
		depthStencilAttachment: {
			view: depth.createView(),
			depthLoadOp: "clear", depthClearValue: 1, depthStoreOp: "discard",
		},
	});
	render.setPipeline(solid);
	render.setBindGroup(0, group(solid, [[0, { buffer: particles }], ...pictured]));
	render.draw(4, COUNT);
	render.setPipeline(blended);
	render.setBindGroup(0, group(blended, pictured));
	render.draw(4);
	render.end();
	encoder.copyTextureToBuffer({ texture: target },
				    { buffer: read, bytesPerRow: WIDTH * 4 }, size);
	device.queue.submit([encoder.finish()]);

	const error = await device.popErrorScope();
	if (error)
		throw error;
	await read.mapAsync(GPUMapMode.READ);
	const pixels = new Uint8Array(read.getMappedRange());
	for (let y = 0; y < HEIGHT; y++)
		say("row " + Array.from(pixels.subarray(y * WIDTH * 4, (y + 1) * WIDTH * 4),
					byte => byte.toString(16).padStart(2, "0")).join(""));
	say("done");
}

draw().catch(error => say("error " + error.message));
