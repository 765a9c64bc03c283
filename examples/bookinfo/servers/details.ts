// details: the facts about a book.
import { sendJson, serve } from './serve.ts';

serve('details', {
  '/details/:id': ({ response, id }) =>
    sendJson(response, 200, {
      id: Number(id),
      author: 'William Shakespeare',
      year: 1595,
      type: 'paperback',
      pages: 200,
      publisher: 'PublisherA',
      language: 'English',
      'ISBN-10': '1234567890',
      'ISBN-13': '123-1234567890',
    }),
});
