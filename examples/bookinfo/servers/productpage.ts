// productpage: the front. Asks details and reviews, and shows both as a page (/productpage) or as JSON (/api/v1/products…).
// Who has logged in travels on as the header `end-user`, so that a route can send one user to another version.
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { type Answer, call } from './call.ts';
import { type Details, page, type Reviews } from './page.ts';
import { sendHtml, sendJson, serve } from './serve.ts';
import { traceHeaders } from './trace-headers.ts';

const products = [{ id: 0, title: 'The Comedy of Errors', descriptionHtml: 'A comedy of two pairs of twins, by William Shakespeare.' }];

serve('productpage', {
  '/': ({ response }) => sendHtml(response, 200, '<!doctype html><title>Bookinfo</title><p><a href="/productpage">The Comedy of Errors</a></p>\n'),
  '/productpage': async ({ request, response }) => {
    const headers = outgoingHeaders(request);
    const [details, reviews] = await Promise.all([call<Details>('details', '/details/0', headers), call<Reviews>('reviews', '/reviews/0', headers)]);
    sendHtml(response, 200, page({ title: 'The Comedy of Errors', user: userOf(request), details, reviews }));
  },
  '/login': ({ request, response }) => {
    const user = new URL(request.url ?? '/', 'http://productpage').searchParams.get('username') ?? '';
    response.writeHead(302, { location: '/productpage', 'set-cookie': `user=${encodeURIComponent(user)}; Path=/; HttpOnly` }).end();
  },
  '/logout': ({ response }) => {
    response.writeHead(302, { location: '/productpage', 'set-cookie': 'user=; Path=/; Max-Age=0' }).end();
  },
  '/api/v1/products': ({ response }) => sendJson(response, 200, products),
  '/api/v1/products/:id': async ({ request, response, id }) => {
    answer(response, await call('details', `/details/${id}`, outgoingHeaders(request)));
  },
  '/api/v1/products/:id/reviews': async ({ request, response, id }) => {
    answer(response, await call('reviews', `/reviews/${id}`, outgoingHeaders(request)));
  },
  '/api/v1/products/:id/ratings': async ({ request, response, id }) => {
    answer(response, await call('ratings', `/ratings/${id}`, outgoingHeaders(request)));
  },
});

function answer(response: Parameters<typeof sendJson>[0], { status, body }: Answer<unknown>): void {
  sendJson(response, status, body ?? { error: 'not available at present' });
}

function userOf(request: IncomingMessage): string | undefined {
  const cookie = /(?:^|;\s*)user=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
  return cookie === undefined ? undefined : decodeURIComponent(cookie);
}

function outgoingHeaders(request: IncomingMessage): OutgoingHttpHeaders {
  const user = userOf(request);
  return { ...traceHeaders(request.headers), ...(user === undefined ? {} : { 'end-user': user }) };
}
