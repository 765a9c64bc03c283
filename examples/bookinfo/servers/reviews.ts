// reviews: what readers thought of a book. Three versions: v1 without stars, v2 with black stars, v3 with red ones; STAR_COLOR
// says which, and v1 has none. The stars come from ratings.
import { call } from './call.ts';
import { sendJson, serve } from './serve.ts';
import { traceHeaders } from './trace-headers.ts';

type Stars = { readonly stars: number; readonly color: string } | { readonly error: string };

const color = process.env['STAR_COLOR'] ?? '';
const texts = [
  { reviewer: 'Reviewer1', text: 'Two pairs of twins, one town, no one who asks a plain question: I laughed on every page.' },
  { reviewer: 'Reviewer2', text: 'Light, quick and kind. Not his deepest play, and none the worse for that.' },
];

serve('reviews', {
  '/reviews/:id': async ({ request, response, id }) => {
    const stars = color === '' ? undefined : await starsOf(id, traceHeaders(request.headers));
    const reviews = texts.map((text) => (stars === undefined ? text : { ...text, rating: stars(text.reviewer) }));
    sendJson(response, 200, { id, podname: process.env['HOSTNAME'] ?? 'unknown', reviews });
  },
});

async function starsOf(id: string, headers: ReturnType<typeof traceHeaders>): Promise<(reviewer: string) => Stars> {
  const { body } = await call<{ readonly ratings: Readonly<Record<string, number>> }>('ratings', `/ratings/${id}`, headers);
  return (reviewer) => {
    const stars = body?.ratings[reviewer];
    return stars === undefined ? { error: 'the ratings service does not answer at present' } : { stars, color };
  };
}
