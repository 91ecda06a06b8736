// SPDX-License-Identifier: MIT OR Apache-2.0
#include "gl.h"

static void set(GLenum what, bool on)
{
	if (on)
		glEnable(what);
	else
		glDisable(what);
}

static void apply_blend(const struct state *state, const struct draw *draw)
{
	for (uint32_t i = 0; i < state->targets; i++) {
		const struct blend *blend = &draw->blend[i];

		if (blend->on)
			glEnablei(GL_BLEND, i);
		else
			glDisablei(GL_BLEND, i);
		glBlendEquationSeparatei(i, blend->equation[0], blend->equation[1]);
		glBlendFuncSeparatei(i, blend->source[0], blend->destination[0], blend->source[1],
				     blend->destination[1]);
		glColorMaski(i, blend->mask[0], blend->mask[1], blend->mask[2], blend->mask[3]);
	}
	glBlendColor(draw->blend_colour[0], draw->blend_colour[1], draw->blend_colour[2],
		     draw->blend_colour[3]);
	set(GL_COLOR_LOGIC_OP, state->exact);
	glLogicOp(draw->logic_op);
}

static void apply_stencil(const struct draw *draw)
{
	set(GL_STENCIL_TEST, draw->stencil_test);
	for (int i = 0; i < 2; i++) {
		const struct face *face = &draw->face[i];
		GLenum side = i ? GL_BACK : GL_FRONT;

		glStencilFuncSeparate(side, face->function, face->reference, face->mask);
		glStencilOpSeparate(side, face->fail, face->depth_fail, face->pass);
		glStencilMaskSeparate(side, face->write_mask);
	}
}

void state_apply(const struct state *state, const struct draw *draw)
{
	glDisable(GL_DITHER);
	glEnable(GL_FRAMEBUFFER_SRGB);
	glEnable(GL_PROGRAM_POINT_SIZE);
	apply_blend(state, draw);
	apply_stencil(draw);
	set(GL_DEPTH_TEST, draw->depth_test);
	glDepthMask(draw->depth_write);
	glDepthFunc(draw->depth_function);
	glDepthRange(draw->range[0], draw->range[1]);
	set(GL_DEPTH_CLAMP, draw->depth_clamp);
	set(GL_CULL_FACE, draw->cull);
	glCullFace(draw->cull_face);
	glFrontFace(draw->front_face);
	glPolygonMode(GL_FRONT_AND_BACK, draw->polygon_mode);
	glProvokingVertex(draw->first_vertex ? GL_FIRST_VERTEX_CONVENTION
					     : GL_LAST_VERTEX_CONVENTION);
	set(GL_SAMPLE_MASK, draw->sample_mask);
	glSampleMaski(0, draw->mask);
	set(GL_SCISSOR_TEST, draw->scissor);
	glScissor(draw->box[0], draw->box[1], draw->box[2], draw->box[3]);
	glViewport(draw->viewport[0], draw->viewport[1], draw->viewport[2], draw->viewport[3]);
	set(GL_CLIP_DISTANCE0, draw->clip);
	set(GL_PRIMITIVE_RESTART, draw->restart);
	/* As it is, it is no vertex's number in bytes. */
	glPrimitiveRestartIndex(200);
}
