// Java's own client, which asks a plain server by HTTP/1.1 whether it would go on in HTTP/2 (Upgrade: h2c): many requests at once, with bodies.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

public class Visitor {
  public static void main(String[] arguments) {
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_2).build();
    HttpRequest post = HttpRequest.newBuilder(URI.create(arguments[0]))
        .POST(HttpRequest.BodyPublishers.ofString("x".repeat(300_000)))
        .build();
    HttpRequest get = HttpRequest.newBuilder(URI.create(arguments[0])).build();
    Map<String, Integer> counts = new TreeMap<>();
    Stream.concat(Stream.generate(() -> get).limit(10), Stream.generate(() -> post).limit(10))
        .map(request -> client.sendAsync(request, HttpResponse.BodyHandlers.ofString()))
        .toList()
        .forEach(future -> {
          HttpResponse<String> answer = future.join();
          // Which of the two versions it became is up to the server's side.
          counts.merge(answer.statusCode() + " " + answer.body(), 1, Integer::sum);
        });
    counts.forEach((said, count) -> System.out.println(count + " " + said));
  }
}
