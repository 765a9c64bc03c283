// The product page as HTML: the book's details, and the reviews with their stars, or which of both does not answer.
import type { Answer } from './call.ts';

export type Details = Readonly<Record<string, string | number>>;
export type Reviews = {
  readonly podname: string;
  readonly reviews: readonly {
    readonly reviewer: string;
    readonly text: string;
    readonly rating?: { readonly stars?: number; readonly color?: string; readonly error?: string };
  }[];
};

/** The whole page. What a service did not answer is said in its place, as a page with holes is better than none. */
export function page(content: {
  readonly title: string;
  readonly user: string | undefined;
  readonly details: Answer<Details>;
  readonly reviews: Answer<Reviews>;
}): string {
  const { title, user, details, reviews } = content;
  const account = user === undefined ? '<a href="/login?username=jason">sign in as jason</a>' : `${escape(user)} (<a href="/logout">sign out</a>)`;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escape(title)}</title>
<style>body{font-family:system-ui;max-width:48rem;margin:2rem auto;padding:0 1rem}dt{font-weight:600}blockquote{margin:1rem 0}.black{color:#111}.red{color:#c00}</style></head>
<body>
<p>${account}</p>
<h1>${escape(title)}</h1>
<h2>Book details</h2>
${detailsList(details)}
<h2>Book reviews</h2>
${reviewsList(reviews)}
</body>
</html>
`;
}

function detailsList({ status, body }: Answer<Details>): string {
  if (body === undefined) return `<p>Details are not available at present (${status}).</p>`;
  return `<dl>${Object.entries(body)
    .map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(String(value))}</dd>`)
    .join('')}</dl>`;
}

function reviewsList({ status, body }: Answer<Reviews>): string {
  if (body === undefined) return `<p>Reviews are not available at present (${status}).</p>`;
  const quotes = body.reviews.map(
    ({ reviewer, text, rating }) => `<blockquote><p>${escape(text)}</p><footer>${escape(reviewer)}${stars(rating)}</footer></blockquote>`,
  );
  return `${quotes.join('\n')}\n<p><small>Reviews served by ${escape(body.podname)}</small></p>`;
}

function stars(rating: Reviews['reviews'][number]['rating']): string {
  if (rating === undefined) return '';
  if (rating.stars === undefined) return ` <em>${escape(rating.error ?? 'no stars')}</em>`;
  return ` <span class="${escape(rating.color ?? 'black')}">${'★'.repeat(rating.stars)}${'☆'.repeat(Math.max(0, 5 - rating.stars))}</span>`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
