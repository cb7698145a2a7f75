// Jakarta Mail with ten threads, each with a connection of its own: JakartaMail PORT FOLDER
import jakarta.mail.Message;
import jakarta.mail.Session;
import jakarta.mail.Transport;
import jakarta.mail.internet.InternetAddress;
import jakarta.mail.internet.MimeBodyPart;
import jakarta.mail.internet.MimeMessage;
import jakarta.mail.internet.MimeMultipart;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public class JakartaMail {
    static final int THREADS = 10;
    static final Pattern CELL = Pattern.compile("\\[(\\w+)\\]");

    static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            .replace("\"", "&#34;").replace("'", "&#39;");
    }

    static String fill(String form, Map<String, String> row, boolean html) {
        Matcher matcher = CELL.matcher(form);
        StringBuilder filled = new StringBuilder(form.length() + 200);
        while (matcher.find()) {
            String value = row.getOrDefault(matcher.group(1), matcher.group());
            matcher.appendReplacement(filled, Matcher.quoteReplacement(html ? escape(value) : value));
        }
        return matcher.appendTail(filled).toString();
    }

    static MimeMessage letter(Session session, Map<String, String> row, Map<String, String> forms)
            throws Exception {
        String plan = row.get("plan").equals("pro") ? "pro" : "other";
        MimeMessage message = new MimeMessage(session);
        message.setFrom(new InternetAddress("news@example.com", "Example", "UTF-8"));
        message.setRecipient(Message.RecipientType.TO, new InternetAddress(row.get("email"),
            row.get("first_name") + " " + row.get("last_name"), "UTF-8"));
        message.setSubject(fill(forms.get("subject." + plan), row, false), "UTF-8");
        message.setSentDate(new Date());
        MimeBodyPart text = new MimeBodyPart();
        text.setText(fill(forms.get("text." + plan), row, false), "UTF-8");
        MimeBodyPart html = new MimeBodyPart();
        html.setText(fill(forms.get("html." + plan), row, true), "UTF-8", "html");
        message.setContent(new MimeMultipart("alternative", text, html));
        message.saveChanges();
        return message;
    }

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[1]);
        Map<String, String> forms = new HashMap<>();
        for (String part : List.of("subject", "text", "html")) {
            for (String plan : List.of("pro", "other")) {
                forms.put(part + "." + plan, Files.readString(folder.resolve(part + "." + plan)));
            }
        }
        List<String> lines = Files.readAllLines(folder.resolve("list.csv"));
        String[] columns = lines.get(0).split(",");
        Properties properties = new Properties();
        properties.put("mail.smtp.host", "127.0.0.1");
        properties.put("mail.smtp.port", args[0]);
        Session session = Session.getInstance(properties);
        AtomicInteger next = new AtomicInteger(1);
        AtomicInteger failed = new AtomicInteger();
        Thread[] threads = new Thread[THREADS];
        for (int n = 0; n < THREADS; n++) {
            threads[n] = new Thread(() -> {
                try (Transport transport = session.getTransport("smtp")) {
                    transport.connect();
                    for (int line = next.getAndIncrement(); line < lines.size(); line = next.getAndIncrement()) {
                        String[] cells = lines.get(line).split(",");
                        Map<String, String> row = new HashMap<>();
                        for (int column = 0; column < columns.length; column++) {
                            row.put(columns[column], cells[column]);
                        }
                        MimeMessage message = letter(session, row, forms);
                        transport.sendMessage(message, message.getAllRecipients());
                    }
                } catch (Exception error) {
                    error.printStackTrace();
                    failed.incrementAndGet();
                }
            });
            threads[n].start();
        }
        for (Thread thread : threads) {
            thread.join();
        }
        System.exit(failed.get() == 0 ? 0 : 1);
    }
}
