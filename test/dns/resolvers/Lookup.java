// What Java's resolver makes of each name, as the other programs here print it.
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Arrays;
import java.util.stream.Collectors;

public class Lookup {
  public static void main(String[] names) {
    System.out.println(Arrays.stream(names).map(name -> "\"" + name + "\":" + addresses(name)).collect(Collectors.joining(",", "{", "}")));
  }

  private static String addresses(String name) {
    try {
      return Arrays.stream(InetAddress.getAllByName(name))
          .map(address -> "\"" + address.getHostAddress() + "\"")
          .sorted()
          .collect(Collectors.joining(",", "[", "]"));
    } catch (UnknownHostException missing) {
      return "null";
    }
  }
}
