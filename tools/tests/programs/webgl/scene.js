// SPDX-License-Identifier: MIT OR Apache-2.0
"use strict";

const WIDTH = 200, HEIGHT = 150;

function say(line) {
	document.getElementById("said").append("webgl: " + line + "\n");
	if (!line.includes(" row "))
		console.log("webgl: " + line);
}

function hexadecimal(bytes) {
	return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
}

function shader(gl, type, source) {
	const object = gl.createShader(type);

	gl.shaderSource(object, source);
	gl.compileShader(object);
	if (!gl.getShaderParameter(object, gl.COMPILE_STATUS))
		throw new Error("a shader does not compile: " + gl.getShaderInfoLog(object));
	return object;
}

function program(gl, vertex, fragment, attributes) {
	const object = gl.createProgram();

	gl.attachShader(object, shader(gl, gl.VERTEX_SHADER, vertex));
	gl.attachShader(object, shader(gl, gl.FRAGMENT_SHADER, fragment));
	attributes.forEach((name, index) => gl.bindAttribLocation(object, index, name));
	gl.linkProgram(object);
	if (!gl.getProgramParameter(object, gl.LINK_STATUS))
		throw new Error("a program does not link: " + gl.getProgramInfoLog(object));
	gl.useProgram(object);
	return object;
}

// Vertices of floats: attribute 0 is a position of three, attribute 1 has the rest.
function vertices(gl, floats, rest) {
	const stride = (3 + rest) * 4;

	gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
	gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(floats), gl.STATIC_DRAW);
	gl.enableVertexAttribArray(0);
	gl.vertexAttribPointer(0, 3, gl.FLOAT, false, stride, 0);
	gl.enableVertexAttribArray(1);
	gl.vertexAttribPointer(1, rest, gl.FLOAT, false, stride, 12);
}

// A texture of eight by eight squares, with levels if the filter has them.
function checkers(gl, filter) {
	const side = 64, texels = new Uint8Array(side * side * 4);

	for (let y = 0; y < side; y++)
		for (let x = 0; x < side; x++)
			texels.set(((x >> 3) ^ (y >> 3)) & 1 ? [x * 4, 255, 64, 255] :
				   [32, y * 2, 160, 255], (y * side + x) * 4);
	gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
	gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, side, side, 0, gl.RGBA, gl.UNSIGNED_BYTE, texels);
	gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, filter);
	gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
	gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.REPEAT);
	gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.REPEAT);
	if (filter !== gl.LINEAR)
		gl.generateMipmap(gl.TEXTURE_2D);
}

// The corners of a cube's sides, each with the normal of its side.
function cube() {
	const floats = [];

	for (let axis = 0; axis < 3; axis++)
		for (const sign of [-1, 1])
			for (const [u, v] of [[-1, -1], [1, -1], [1, 1],
					      [-1, -1], [1, 1], [-1, 1]]) {
				const corner = [0, 0, 0], normal = [0, 0, 0];

				corner[axis] = sign;
				corner[(axis + 1) % 3] = u * sign;
				corner[(axis + 2) % 3] = v;
				normal[axis] = sign;
				floats.push(...corner, ...normal);
			}
	return floats;
}

// What both scenes have: a floor with a texture, a triangle of three colours that a cube with light
// on it pierces, and two squares that are blended with it all.
function scene(gl, versions) {
	const { vertex, fragment } = versions;

	gl.viewport(0, 0, WIDTH, HEIGHT);
	gl.clearColor(0.1, 0.15, 0.2, 1);
	gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
	gl.enable(gl.DEPTH_TEST);

	program(gl, vertex(`
		ATTRIBUTE vec3 position;
		ATTRIBUTE vec2 place;
		OUT vec2 at;
		void main() {
			at = place;
			gl_Position = vec4(position.xy, position.z * 0.9, position.z);
		}`), fragment(`
		IN vec2 at;
		uniform sampler2D image;
		void main() {
			COLOUR = TEXTURE(image, at);
		}`), ["position", "place"]);
	checkers(gl, gl.LINEAR_MIPMAP_LINEAR);
	vertices(gl, [-1, -0.9, 0.9, 0, 0, 1, -0.9, 0.9, 2, 0,
		      -9, -0.9, 9, 0, 8, 9, -0.9, 9, 18, 8], 2);
	gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);

	program(gl, vertex(`
		ATTRIBUTE vec3 position;
		ATTRIBUTE vec3 paint;
		OUT vec3 colour;
		void main() {
			colour = paint;
			gl_Position = vec4(position, 1.0);
		}`), fragment(`
		IN vec3 colour;
		void main() {
			COLOUR = vec4(colour, 1.0);
		}`), ["position", "paint"]);
	vertices(gl, [-0.9, -0.7, -0.5, 1, 0, 0, 0.8, -0.6, 0.5, 0, 1, 0,
		      -0.1, 0.9, 0, 0, 0, 1], 3);
	gl.drawArrays(gl.TRIANGLES, 0, 3);

	const lit = program(gl, vertex(`
		ATTRIBUTE vec3 position;
		ATTRIBUTE vec3 normal;
		uniform mat3 turn;
		OUT vec3 facing;
		OUT vec3 place;
		void main() {
			facing = turn * normal;
			place = turn * position;
			gl_Position = vec4(0.24 * place.x + 0.2, 0.32 * place.y + 0.1,
					   0.32 * place.z, 1.0);
		}`), fragment(`
		IN vec3 facing;
		IN vec3 place;
		void main() {
			vec3 light = normalize(vec3(0.5, 1.0, -2.0) - place);
			vec3 normal = normalize(facing), mirrored = reflect(-light, normal);
			float diffuse = max(dot(light, normal), 0.0);
			float shine = pow(max(dot(mirrored, vec3(0.0, 0.0, -1.0)), 0.0), 20.0);
			COLOUR = vec4(vec3(0.8, 0.5, 0.2) * (0.2 + 0.8 * diffuse) +
				      vec3(0.6 * shine), 1.0);
		}`), ["position", "normal"]);
	const [c, s, d, t] = [Math.cos(0.6), Math.sin(0.6), Math.cos(0.5), Math.sin(0.5)];
	gl.uniformMatrix3fv(gl.getUniformLocation(lit, "turn"), false,
			    [c, s * t, -s * d, 0, d, t, s, -c * t, c * d]);
	vertices(gl, cube(), 3);
	gl.enable(gl.CULL_FACE);
	// The view is along z, so that the sides that face it turn clockwise.
	gl.cullFace(gl.FRONT);
	gl.drawArrays(gl.TRIANGLES, 0, 36);
	gl.disable(gl.CULL_FACE);

	program(gl, vertex(`
		ATTRIBUTE vec3 position;
		ATTRIBUTE vec4 paint;
		OUT vec4 colour;
		void main() {
			colour = paint;
			gl_Position = vec4(position, 1.0);
		}`), fragment(`
		IN vec4 colour;
		void main() {
			COLOUR = colour;
		}`), ["position", "paint"]);
	gl.depthMask(false);
	gl.enable(gl.BLEND);
	for (const [x, destination] of [[-0.8, gl.ONE_MINUS_SRC_ALPHA], [0.1, gl.ONE]]) {
		gl.blendFuncSeparate(gl.SRC_ALPHA, destination, gl.ZERO, gl.ONE);
		vertices(gl, [x, -0.9, -0.3, 1, 1, 1, 0.1, x + 0.7, -0.9, -0.3, 1, 1, 0, 0.9,
			      x, 0.3, -0.3, 0, 1, 1, 0.9, x + 0.7, 0.3, -0.3, 1, 0, 1, 0.4], 4);
		gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
	}
	gl.disable(gl.BLEND);
	gl.depthMask(true);
}

const VERSION_1 = {
	vertex: source => source.replace(/ATTRIBUTE/g, "attribute").replace(/OUT /g, "varying "),
	fragment: source => "precision highp float;\n" + source.replace(/IN /g, "varying ")
		.replace(/COLOUR/g, "gl_FragColor").replace(/TEXTURE/g, "texture2D"),
};

const VERSION_2 = {
	vertex: source => "#version 300 es\n" + source.replace(/ATTRIBUTE/g, "in")
		.replace(/OUT /g, "out "),
	fragment: source => "#version 300 es\nprecision highp float;\nout vec4 painted;\n" +
		source.replace(/IN /g, "in ").replace(/COLOUR/g, "painted")
		.replace(/TEXTURE/g, "texture"),
};

// What WebGL 1 has not: the scene is drawn with four samples into a renderbuffer and resolved; over
// it come instances whose colours are an array of a uniform block and whose corners are those of a
// vertex's number, shaded by integers.
function scene2(gl) {
	const many = gl.createFramebuffer();
	const depth = gl.createRenderbuffer(), colour = gl.createRenderbuffer();

	gl.bindFramebuffer(gl.FRAMEBUFFER, many);
	gl.bindRenderbuffer(gl.RENDERBUFFER, colour);
	gl.renderbufferStorageMultisample(gl.RENDERBUFFER, 4, gl.RGBA8, WIDTH, HEIGHT);
	gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, colour);
	gl.bindRenderbuffer(gl.RENDERBUFFER, depth);
	gl.renderbufferStorageMultisample(gl.RENDERBUFFER, 4, gl.DEPTH_COMPONENT24, WIDTH, HEIGHT);
	gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, depth);
	if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE)
		throw new Error("the framebuffer with four samples is not complete");
	scene(gl, VERSION_2);
	gl.bindFramebuffer(gl.READ_FRAMEBUFFER, many);
	gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
	gl.blitFramebuffer(0, 0, WIDTH, HEIGHT, 0, 0, WIDTH, HEIGHT, gl.COLOR_BUFFER_BIT,
			   gl.NEAREST);
	gl.bindFramebuffer(gl.FRAMEBUFFER, null);

	gl.disable(gl.DEPTH_TEST);
	const bars = program(gl, `#version 300 es
		layout(std140) uniform Paints { vec4 paint[4]; };
		flat out vec4 colour;
		void main() {
			vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
			colour = paint[gl_InstanceID];
			gl_Position = vec4(-0.95 + 0.2 * float(gl_InstanceID) + 0.15 * corner.x,
					   0.6 + 0.3 * corner.y, 0.0, 1.0);
		}`, `#version 300 es
		precision highp float;
		flat in vec4 colour;
		out vec4 painted;
		void main() {
			ivec2 at = ivec2(gl_FragCoord.xy);
			uint odd = uint(at.x ^ at.y) & 3u;
			painted = vec4(colour.rgb * (0.25 + 0.25 * float(odd)), 1.0);
		}`, []);
	gl.bindBuffer(gl.UNIFORM_BUFFER, gl.createBuffer());
	const paints = [1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 1, 1, 0, 1];
	gl.bufferData(gl.UNIFORM_BUFFER, new Float32Array(paints), gl.STATIC_DRAW);
	gl.bindBufferBase(gl.UNIFORM_BUFFER, 0, gl.getParameter(gl.UNIFORM_BUFFER_BINDING));
	gl.uniformBlockBinding(bars, gl.getUniformBlockIndex(bars, "Paints"), 0);
	gl.bindVertexArray(gl.createVertexArray());
	gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, 4);
}

function draw(name, id, context, how) {
	const options = { antialias: false, preserveDrawingBuffer: true };
	const gl = document.getElementById(id).getContext(context, options);

	if (!gl)
		throw new Error("no context");
	const info = gl.getExtension("WEBGL_debug_renderer_info");
	say(name + " version " + gl.getParameter(gl.VERSION));
	say(name + " renderer " +
	    gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
	how(gl);
	const pixels = new Uint8Array(WIDTH * HEIGHT * 4), error = gl.getError();
	if (error !== gl.NO_ERROR)
		throw new Error("WebGL's error " + error);
	gl.readPixels(0, 0, WIDTH, HEIGHT, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
	for (let y = HEIGHT - 1, row = WIDTH * 4; y >= 0; y--)
		say(name + " row " + hexadecimal(pixels.subarray(y * row, (y + 1) * row)));
	say(name + " done");
}

for (const [name, id, context, how] of [
	["webgl1", "webgl1", "webgl", gl => scene(gl, VERSION_1)],
	["webgl2", "webgl2", "webgl2", scene2],
]) {
	try {
		draw(name, id, context, how);
	} catch (error) {
		say(name + " error " + error.message);
	}
}
